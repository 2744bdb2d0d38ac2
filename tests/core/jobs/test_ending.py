"""The command for the end of a run is started once, knows what became of the run, and is kept nowhere in it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from core.jobs import launch
from core.jobs.trainer.ending import OnFinish, environment
from core.runs.run import Run
from core.runs.status import State, Status
from tests.support import trainers

MakeRun = Callable[..., Run]
WaitUntil = Callable[..., None]
TELL = "import json, os; print(json.dumps({**os.environ, 'HERE': os.getcwd()}), file=open('told.json.part', 'w'))"


def told(folder: Path, wait_until: WaitUntil) -> dict[str, str]:
    wait_until(lambda: (folder / "told.json").exists(), what="the word of the command")
    found: dict[str, str] = json.loads((folder / "told.json").read_text())
    return found


def command() -> str:
    return f'{sys.executable} -c "{TELL}" && mv told.json.part told.json && echo "it is done" # a secret'


def test_a_run_that_finishes_tells_what_came_of_it_and_holds_no_word_of_the_command(
    make_small_run: MakeRun, tmp_path: Path, wait_until: WaitUntil
) -> None:
    run = make_small_run(preset="ae", epochs=1)
    trainers.finish(run, replace(trainers.EVERY_LINE, on_finish=OnFinish(command(), tmp_path)))
    found = told(tmp_path, wait_until)
    assert (found["VAE_TUI_RUN"], found["VAE_TUI_STATE"], found["VAE_TUI_EPOCH"]) == (run.name, "finished", "1")
    assert (found["VAE_TUI_PATH"], found["HERE"]) == (str(run.path), str(tmp_path))
    assert 0 < float(found["VAE_TUI_VAL_LOSS"]) < 1000
    assert found["VAE_TUI_ERROR"] == ""
    wait_until(lambda: "it is done" in run.log_path.read_text(), what="what it prints")
    said = run.log_path.read_text()
    assert said.index("starting the command for the end") < said.index("it is done")
    assert not [path.name for path in run.path.rglob("*.*") if path.is_file() and b"a secret" in path.read_bytes()]


def test_the_words_of_a_launch_reach_the_trainer_also_where_they_begin_with_a_dash(
    make_small_run: MakeRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_small_run(preset="ae", epochs=1)
    given = []

    class Started:
        returncode, pid = 0, os.getpid()

        def __init__(self, words: list[str], **options: object) -> None:
            given.extend(words)

        def wait(self) -> int:
            return 0

    monkeypatch.setattr(subprocess, "Popen", Started)
    monkeypatch.chdir(tmp_path)
    launch.start(run, on_finish="--help; date")
    assert given[-2:] == ["--on-finish=--help; date", f"--on-finish-in={tmp_path}"]


def test_a_command_that_cannot_be_started_changes_nothing_of_the_run(make_run: MakeRun, tmp_path: Path) -> None:
    run, said = make_run(), list[str]()
    run.log_path.mkdir()
    OnFinish("true", tmp_path).run(run, said.append)
    assert said == ["cannot start the command for the end: train.log: is not a regular file"]


def test_what_is_not_known_of_a_run_is_empty(make_run: MakeRun) -> None:
    run = make_run()
    run.write_status(Status(state=State.FAILED, error="a\nb\x1b[31m"))
    found = environment(run)
    assert (found["VAE_TUI_STATE"], found["VAE_TUI_VAL_LOSS"], found["VAE_TUI_REASON"]) == ("failed", "", "")
    assert found["VAE_TUI_ERROR"].isprintable()
