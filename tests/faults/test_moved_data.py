"""Data that moved or cannot be named: what cannot train is refused before it starts, with the way out."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from core.data.registry import EMBEDDED
from core.jobs import launch
from core.runs.run import Run
from core.runs.status import State
from tests.support import trainers
from tests.support.machines import call

MakeRun = Callable[..., Run]
WaitUntil = Callable[..., None]


@pytest.fixture
def moved(make_small_run: MakeRun, few_digits: Path, tmp_path: Path) -> Run:
    """A stopped run whose images are not where it was trained on them."""
    first = tmp_path / "first"
    shutil.copytree(few_digits, first)
    run = make_small_run(data_dir=str(first), epochs=2)
    trainers.finish(run)
    first.rename(tmp_path / "second")
    return run


@pytest.mark.timeout(180)
def test_12_a_run_whose_data_moved_is_refused_before_it_starts_and_goes_on_with_their_new_folder(
    moved: Run, tmp_path: Path
) -> None:
    words = ["resume", moved.name, "--epochs", "3", "--runs-dir", str(moved.path.parent)]
    log = moved.log_path.read_text()
    for more in ([], ["--detach"], ["--data-dir", str(tmp_path / "nowhere")]):
        refused = call(*words, *more)
        assert refused.returncode == 2, refused
        assert refused.stderr.count("\n") == 1, refused
        assert "name the folder it is in with --data-dir" in refused.stderr
    assert (moved.state(), moved.status().error, moved.log_path.read_text()) == (State.FINISHED, None, log)
    for place in ("second", "second/KMNIST/raw"):
        done = moved.status().epoch + 1
        words[3] = str(done)
        resumed = call(*words, "--data-dir", str(tmp_path / place))
        assert resumed.returncode == 0, resumed
        assert f"finished after {done} epochs" in resumed.stdout


@pytest.mark.timeout(180)
def test_12_detach_returns_once_training_has_begun_or_says_why_not(
    make_run: MakeRun, make_small_run: MakeRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wait_until: WaitUntil
) -> None:
    run = make_small_run(epochs=100_000, validate_every=1000)
    begun = call("resume", run.name, "--detach", "--runs-dir", str(run.path.parent))
    assert (begun.returncode, run.status().begun) == (0, True), begun
    launch.send_request(run, "stop")
    wait_until(lambda: run.state() is State.STOPPED)

    broken = make_run("broken")
    (broken.path / "state.pt").write_bytes(b"no state")
    refused = call("resume", broken.name, "--detach", "--runs-dir", str(broken.path.parent))
    assert refused.returncode == 2, refused
    assert "state.pt" in refused.stderr
    assert refused.stderr.count("\n") == 1


@pytest.mark.parametrize("command", [["train", "--create-only", "--preset", "ae", "--dataset", "kmnist"], ["data"]])
def test_14_a_data_folder_whose_name_is_not_utf8_is_refused_or_named_in_one_line(
    command: list[str], few_digits: Path, tmp_path: Path
) -> None:
    folder = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9")
    shutil.copytree(few_digits, folder)
    said = call(
        *command, "--data-dir", folder, *(["--runs-dir", str(tmp_path / "runs")] if command[0] == "train" else [])
    )
    assert "Traceback" not in said.stderr, said
    if command[0] == "train":
        assert (said.returncode, said.stderr.count("\n"), "is not UTF-8" in said.stderr) == (2, 1, True), said
        assert not (tmp_path / "runs").exists()


@pytest.mark.timeout(180)
def test_14_a_run_in_a_folder_whose_name_is_not_utf8_trains(tmp_path: Path) -> None:
    folder = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9")
    words = ["--preset", "ae", "--dataset", EMBEDDED, "--epochs", "1", "--device", "cpu"]
    done = call("train", *words, "--runs-dir", folder)
    assert (done.returncode, done.stderr) == (0, ""), done
    assert "Traceback" not in call("runs", "--json", "--runs-dir", folder).stderr
