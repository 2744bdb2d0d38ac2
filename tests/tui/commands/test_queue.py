"""`vae-tui train --queue`, `queue` and `sweep --queue`: what they say, do and refuse."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from core.errors import UserError
from core.jobs import launch
from core.jobs.queue import starting, trainers
from core.runs.run import Run
from core.runs.status import State
from tui.command_line import command_line

SMALL = ("--dataset", "mnist-5k", "--device", "cpu")


@pytest.fixture
def call(runs_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """What a command prints, or the error that it raises; on a machine with one core, and with no other trainers."""
    at_work: list[trainers.SeenTrainer] = []

    def start(run: Run, *arguments: Any, **options: Any) -> None:
        at_work.append(trainers.SeenTrainer((str(run.path),)))

    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr(trainers, "usual_at_once", lambda device: 1)
    monkeypatch.setattr(trainers, "gpus", list)
    monkeypatch.setattr(starting, "trainers_here", lambda: [*at_work])
    monkeypatch.setattr(launch, "start", start)
    monkeypatch.setattr(launch, "training_here", lambda: len(at_work))

    def run(*words: str) -> str:
        done = CliRunner().invoke(command_line([words[0]]), [*words, "--runs-dir", str(runs_dir)])
        if done.exception is not None and not isinstance(done.exception, UserError | SystemExit):
            raise done.exception
        return str(done.exception or done.output)

    return run


def test_runs_wait_and_are_moved_and_taken_out(call: Callable[..., str], runs_dir: Path) -> None:
    said = [call("train", "--queue", "--name", name, *SMALL) for name in ("one", "two", "three")]
    assert said[0].startswith("one trains; look at it with: vae-tui one")
    why = "1 run trains on the processor, room for 1"
    assert said[1:] == [
        f"{name} is number {place} in the queue: {why}; look at it with: vae-tui queue\n"
        for place, name in ((2, "two"), (3, "three"))
    ], "one waits until its trainer has begun"
    assert call("queue", "--move", "three", "--to", "2") == "three is number 2 in the queue\n"
    shown = call("queue").splitlines()
    assert [line.split()[:2] for line in shown[1:4]] == [["1", "one"], ["2", "three"], ["3", "two"]]
    assert ["its trainer starts" in line for line in shown[1:4]] == [True, False, False]
    assert shown[-2:] == [f"2 runs wait: {why}", "1 run trains now on this machine; at a time 1 on the processor"]
    assert [each["name"] for each in json.loads(call("queue", "--json"))] == ["one", "three", "two"]
    assert call("queue", "--cancel", "two").startswith("two waits no more; go on with it: vae-tui resume two")
    assert call("queue", "--cancel", "two") == "two does not wait in the queue"
    assert Run(runs_dir / "two").state() is State.CREATED
    assert call("resume", "two", "--epochs", "3", "--queue").startswith("two is number 3 in the queue")
    assert call("queue", "--at-once", "0").startswith("at once must be auto or 1 to 1000, not '0'")


def test_the_queue_is_paused_and_goes_on(call: Callable[..., str]) -> None:
    held = "the queue is paused: nothing that waits begins; vae-tui queue --continue goes on with it"
    assert call("queue", "--pause").splitlines()[-1] == held
    said = call("train", "--queue", "--name", "one", *SMALL)
    assert said == "one is number 1 in the queue: the queue is paused; look at it with: vae-tui queue\n"
    assert held in call("sweep", "--learning-rate", "1e-4,1e-3", "--seed", "0", "--queue", *SMALL)
    shown = call("queue").splitlines()
    assert shown[-2:] == ["0 runs train now on this machine; at a time 1 on the processor", held]
    shown = call("queue", "--continue").splitlines()
    assert "its trainer starts" in shown[1]
    assert held not in shown


def test_a_sweep_waits_and_what_came_out_is_shown(call: Callable[..., str], runs_dir: Path) -> None:
    words = ("sweep", "--learning-rate", "1e-4..1e-2", "--trials", "3", "--name", "try", *SMALL)
    assert call(*words, "--queue").splitlines()[0] == "3 of 3 runs put into the queue, 1 of them begin"
    assert call(*words, "--queue").splitlines()[0] == "0 of 3 runs put into the queue, 0 of them begin"
    more = ("sweep", "--beta", "0.5,0.7", "--seed", "0", "--name", "try", *SMALL, "--queue")
    joined = "try has 3 other runs already: all belong to one sweep; --name names another"
    assert call(*more).splitlines()[0] == joined
    for each in ("0.5", "0.7"):
        shutil.rmtree(runs_dir / f"try-beta{each}")
    shown = json.loads(call("sweeps", "try", "--json"))
    assert (shown["varied"], shown["states"], shown["best"]) == (["learning_rate"], {"queued": 3}, None)
    assert "3 queued; no best: no run has a validation loss yet" in call("sweeps", "try")
    assert call("sweeps", "try", "--plot", "beta") == "plot must be learning_rate or parallel, not 'beta'"
    assert "no best: no run has" in call("sweeps", "try", "--plot", "learning rate"), "as the table writes it"
    assert "vae-tui evaluate RUN measures it" in call("sweeps", "try", "--by", "frechet")
    assert "3 runs taken out of the queue" in call("sweeps", "try", "--stop")
    assert "3 runs of 3 put into the queue" in call("sweeps", "try", "--resume")
    assert call("sweeps", "other") == "no sweep named 'other'; there is try"


def test_what_does_not_go_with_waiting_is_refused(call: Callable[..., str], runs_dir: Path) -> None:
    assert call("train", "--queue", "--create-only", *SMALL) == "--queue must be left out with --create-only"
    assert call("train", "--queue", "--on-finish", "true", *SMALL) == "--queue must be left out with --on-finish"
    assert not runs_dir.exists()
