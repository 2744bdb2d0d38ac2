"""What must hold of the files of a run, whatever happened to its trainer."""

from __future__ import annotations

import json
import re
import signal
from itertools import pairwise
from typing import Any

import safetensors.torch

from core import files
from core.models.weights import load_autoencoder, metadata_of
from core.runs.catalog import summarise
from core.runs.run import Run
from core.runs.snapshots.folder import folder_of, snapshots_of
from core.runs.status import State
from core.training import checkpoint
from tests.support.models import load_model
from tests.support.trainers import STEPS_PER_EPOCH, Process

CLOCKS = {"time", "images_per_second"}
FINAL_NAMES = {
    "config.json",
    "metrics.jsonl",
    "status.json",
    "control.json",
    "model.safetensors",
    "best.safetensors",
    "state.pt",
    "train.log",
    "snapshots",
}
TEMPORARY_NAME = re.compile(r"\.(?P<file>.+)" + re.escape(files.TEMPORARY_MARK) + "[0-9a-f]{32}")


def kill(run: Run, process: Process) -> bool:
    """Kill it with SIGKILL; whether it was still there to be killed."""
    process.kill()
    process.join(30)
    assert process.exitcode in (0, -signal.SIGKILL), run.log_path.read_text()
    return process.exitcode != 0


def temporaries(run: Run) -> list[str]:
    """The files that half written content was meant for."""
    return [match["file"] for path in run.path.iterdir() if (match := TEMPORARY_NAME.fullmatch(path.name))]


def size(run: Run, file: str) -> int:
    """The bytes of a file of the run, -1 without one."""
    path = run.path / file
    return path.stat().st_size if path.exists() else -1


def saved_step(run: Run) -> int | None:
    """The step that state.pt holds, of a run on the few digits; None before the first save."""
    state = checkpoint.load_state(run)
    return None if state is None else state.epoch * STEPS_PER_EPOCH + state.batch


def died_while_saving(run: Run) -> bool:
    """Whether the files show it: one of tensors is half written, or the weights are ahead of the state."""
    if any(file.endswith((".safetensors", ".pt")) for file in temporaries(run)):
        return True
    return bool(run.weights_version()) and saved_step(run) != int(metadata_of(run.read_weights())["step"])


def lines(run: Run, kind: str | None = None) -> list[dict[str, Any]]:
    """The whole lines of metrics.jsonl, of one kind or all, without what a clock gave."""
    content = run.metrics_path.read_bytes() if run.metrics_path.exists() else b""
    rows = [json.loads(line) for line in content.split(b"\n")[:-1]]
    return [{key: row[key] for key in row.keys() - CLOCKS} for row in rows if kind in (None, row["kind"])]


def weights(run: Run, *, best: bool = False) -> dict[str, bytes]:
    """Every tensor of the weights, bit for bit."""
    tensors = safetensors.torch.load(run.read_weights(best=best))
    return {name: tensor.numpy().tobytes() for name, tensor in tensors.items()}


def is_trained(run: Run) -> bool:
    """Whether all epochs are done and saved, be it said in the status or not."""
    state = checkpoint.load_state(run)
    return state is not None and state.epoch == run.config().epochs


def assert_sound(run: Run) -> None:
    """Every file that is there is whole and can be read."""
    assert summarise(run).damage is None
    names = {path.name for path in run.path.iterdir()}
    assert {name for name in names if not TEMPORARY_NAME.fullmatch(name)} <= FINAL_NAMES
    state = checkpoint.load_state(run)
    if state is not None:
        assert state.metrics_length <= run.metrics_path.stat().st_size
        assert run.weights_version()
    for best in (False, True):
        if run.weights_path(best=best).exists():
            load_model(run, best=best)
    for snapshot in snapshots_of(run):
        load_autoencoder(snapshot.read(), run.config().preset, snapshot.path)
    if folder_of(run).exists():
        names = {path.name for path in folder_of(run).iterdir()}
        whole = {snapshot.path.name for snapshot in snapshots_of(run)}
        assert {name for name in names if not TEMPORARY_NAME.fullmatch(name)} == whole
    assert_steps_increase(run)


def assert_steps_increase(run: Run) -> None:
    """No line stands twice and none is missing its place."""
    for kind in ("step", "epoch"):
        steps = [row["step"] for row in lines(run, kind)]
        assert all(one < following for one, following in pairwise(steps)), steps


def assert_same_weights(run: Run, other: Run) -> None:
    """The same newest and best weights, bit for bit, and the same epoch lines."""
    for best in (False, True):
        assert weights(run, best=best) == weights(other, best=best)
    assert lines(run, "epoch") == lines(other, "epoch")


def assert_same_training(run: Run, undisturbed: Run) -> None:
    """The same training to its goal, with the same snapshots, and nothing damaged."""
    assert_sound(run)
    assert is_trained(run)
    assert len(lines(run, "epoch")) == run.config().epochs
    assert_same_weights(run, undisturbed)
    one, other = ([(each.step, each.read()) for each in snapshots_of(of)] for of in (run, undisturbed))
    assert one == other


def assert_same_end(run: Run, undisturbed: Run) -> None:
    """The same training, finished, and nothing half written is left."""
    assert_same_training(run, undisturbed)
    assert (run.state(), run.status().epoch) == (State.FINISHED, run.config().epochs)
    assert not [file for file in temporaries(run) if not file.startswith(("control.json", "request-"))]
