"""Real trainers that are cheap to start, one life of a run each, and what must hold when such a life has ended.

The processes are forked from one that has loaded PyTorch, so that a life lasts a second instead of five.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import re
import signal
import struct
import sys
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch.nn.functional import pad

from core import files
from core.data.images import PADDING, load_image_set
from core.jobs import launch, worker
from core.models.weights import load_model, metadata_of
from core.runs.catalog import summarise
from core.runs.run import Run
from core.runs.status import State
from core.training import checkpoint, trainer

Process = multiprocessing.context.ForkServerProcess

TRAINING, VALIDATION, BATCH = 60, 20, 10
STEPS_PER_EPOCH = TRAINING // BATCH
# Six steps an epoch of real digits, from a folder of their own: `few_digits` gives it.
SMALL = {"dataset": "kmnist", "batch_size": BATCH, "device": "cpu", "validate_every": 1}

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
}
TEMPORARY_NAME = re.compile(r"\.(?P<file>.+)" + re.escape(files.TEMPORARY_MARK) + "[0-9a-f]{32}")

_nursery = multiprocessing.get_context("forkserver")
_nursery.set_forkserver_preload(
    [
        "pytest",
        "torch._dynamo",
        "core.worker",
        "core.training.trainer",
        "core.data.images",
        "core.training.devices",
        __name__,
    ]
)


def write_few_digits(folder: Path) -> Path:
    """The folder, holding a few digits of MNIST in torchvision's layout of kmnist."""
    raw = folder / "KMNIST" / "raw"
    raw.mkdir(parents=True)
    digits = load_image_set("mnist-5k")
    for part, count, images, labels in (
        ("train", TRAINING, digits.train_images, digits.train_labels),
        ("t10k", VALIDATION, digits.validation_images, digits.validation_labels),
    ):
        content = pad(images[:count], (-PADDING,) * 4).contiguous().numpy().tobytes()
        (raw / f"{part}-images-idx3-ubyte").write_bytes(struct.pack(">4I", 0x803, count, 28, 28) + content)
        content = labels[:count].to(torch.uint8).numpy().tobytes()
        (raw / f"{part}-labels-idx1-ubyte").write_bytes(struct.pack(">2I", 0x801, count) + content)
    return folder


def begin(run: Run, *, save_share: float | None = None) -> Process:
    """A trainer process of this run. It may save during one part in `save_share` of the time, None for the usual."""
    return fork(_live, run.path, save_share)


def fork(work: Callable[..., None], *arguments: object) -> Process:
    """A process that does this work, on top of everything that a trainer imports."""
    process = _nursery.Process(target=work, args=arguments, daemon=True)
    process.start()
    return process


def _live(path: Path, save_share: float | None) -> None:
    torch.set_num_threads(1)
    log = os.open(Run(path).log_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(log, 1)
    os.dup2(log, 2)
    trainer.REPORT_SECONDS = 0.0  # every step has its line, so that all of them can be compared
    if save_share is not None:
        worker.FIRST_SAVE_SECONDS = worker.LAST_SAVE_SECONDS = 0.0
        worker.SAVE_SHARE = save_share
    sys.exit(worker.main([str(path)]))


def finish(run: Run) -> None:
    """Train to the end, undisturbed."""
    process = begin(run)
    process.join(60)
    assert (process.exitcode, run.state()) == (0, State.FINISHED), run.log_path.read_text()


def chance() -> random.Random:
    """A generator whose seed a failing test shows; KILL_SEED sets it."""
    seed = int(os.environ.get("KILL_SEED") or random.SystemRandom().randrange(2**32))
    print(f"to see it again: KILL_SEED={seed}")
    return random.Random(seed)


def wait_while_alive(process: Process, condition: Callable[[], object]) -> None:
    """Return once the condition is true or the process has ended."""
    while process.is_alive() and not condition():
        time.sleep(0.0005)


def wait_until_at_work(run: Run, process: Process) -> None:
    """Return once this very process is the trainer of the run, so that its signal handlers stand."""
    wait_while_alive(process, lambda: run.status().pid == process.pid)
    assert process.is_alive(), run.log_path.read_text()


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


def died_while_saving(run: Run) -> bool:
    """Whether the files show it: one of tensors is half written, or the weights are ahead of the state."""
    if any(file.endswith((".safetensors", ".pt")) for file in temporaries(run)):
        return True
    if not run.weights_version():
        return False
    state = checkpoint.load_state(run)
    weights = metadata_of(run.read_weights())
    return state is None or int(weights["step"]) != state.epoch * STEPS_PER_EPOCH + state.batch


def lines(run: Run) -> list[dict[str, Any]]:
    """The whole lines of metrics.jsonl without what a clock gave."""
    content = run.metrics_path.read_bytes() if run.metrics_path.exists() else b""
    rows = [json.loads(line) for line in content.split(b"\n")[:-1]]
    return [{key: row[key] for key in row.keys() - CLOCKS} for row in rows]


def epoch_lines(run: Run) -> list[dict[str, Any]]:
    return [row for row in lines(run) if row["kind"] == "epoch"]


def weights(run: Run, *, best: bool = False) -> dict[str, bytes]:
    """Every tensor of the weights, bit for bit."""
    tensors = safetensors.torch.load(run.read_weights(best=best))
    return {name: tensor.numpy().tobytes() for name, tensor in tensors.items()}


def assert_sound(run: Run) -> None:
    """Whatever happened, every file that is there is whole and can be read."""
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
    assert_steps_increase(run)


def assert_steps_increase(run: Run) -> None:
    """No line stands twice and none is missing its place."""
    for kind in ("step", "epoch"):
        steps = [row["step"] for row in lines(run) if row["kind"] == kind]
        assert all(one < following for one, following in pairwise(steps)), steps


def is_trained(run: Run) -> bool:
    """Whether all epochs are done and saved, be it said in the status or not."""
    state = checkpoint.load_state(run)
    return state is not None and state.epoch == run.config().epochs


def assert_same_training(run: Run, undisturbed: Run) -> None:
    """Same weights, bit for bit, and the same epoch lines."""
    assert_sound(run)
    assert is_trained(run)
    assert epoch_lines(run) == epoch_lines(undisturbed)
    assert len(epoch_lines(run)) == run.config().epochs
    for best in (False, True):
        assert weights(run, best=best) == weights(undisturbed, best=best)


def assert_same_end(run: Run, undisturbed: Run) -> None:
    """The same training, finished, and nothing half written is left."""
    assert_same_training(run, undisturbed)
    assert (run.state(), run.status().epoch) == (State.FINISHED, run.config().epochs)
    assert not [file for file in temporaries(run) if file != "control.json"]


def start_genuine(run: Run) -> int:
    """The number of a trainer process as users start it, once it has the run."""
    genuine = launch.resume(run)
    genuine.wait_until_started()
    return genuine.pid
