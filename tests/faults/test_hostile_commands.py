"""Commands on a run from a stranger say in one line what they cannot use, and print none of its codes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from core.runs.run import Run
from core.runs.status import State, Status
from tests.support.hostile import (
    CODED,
    FILES,
    LISTED_FROM,
    NAMES,
    THINGS,
    VAE_TUI,
    Call,
    codes_in,
    is_one_line,
    rename,
    saved,
)
from tests.support.terminal import ENVIRONMENT


@pytest.fixture
def call(place: Path) -> Callable[..., subprocess.CompletedProcess[bytes]]:
    """Runs vae-tui beside the runs."""

    def start(*arguments: str) -> subprocess.CompletedProcess[bytes]:
        command = [VAE_TUI, *arguments, "--runs-dir", "runs"]
        return subprocess.run(command, cwd=place, env=ENVIRONMENT, capture_output=True, timeout=60)

    return start


Call_ = Callable[..., subprocess.CompletedProcess[bytes]]


def assert_refused(done: subprocess.CompletedProcess[bytes], status: int = 2) -> None:
    said = done.stderr.decode()
    assert done.returncode == status, said
    assert said.endswith("\n")
    assert is_one_line(said[:-1]), said
    assert b"\x1b" not in done.stdout


@pytest.mark.parametrize(
    ("file", "thing", "command"),
    [
        ("status.json", "a pipe", ("control", "vae", "save")),
        ("control.json", "a folder", ("control", "vae", "save")),
        ("config.json", "a link to zeros", ("resume", "vae")),
        ("metrics.jsonl", "a pipe", ("resume", "vae")),
        ("train.log", "a pipe", ("resume", "vae")),
        ("train.log", "a link to a whole file", ("resume", "vae")),
        ("model.safetensors", "a pipe", ("sample", "vae")),
        ("model.safetensors", "a link to zeros", ("sample", "vae")),
    ],
)
def test_a_command_says_in_one_line_what_it_cannot_use(
    run: Run, call: Call_, file: str, thing: str, command: tuple[str, ...]
) -> None:
    if command[0] == "control":
        run.write_status(Status(state=State.RUNNING, host="elsewhere", heartbeat=time.time()))
    (run.path / file).unlink()
    THINGS[thing](run.path / file)
    assert_refused(call(*command))


def test_an_unknown_key_reaches_the_terminal_in_one_short_line(run: Run, call: Call_) -> None:
    (run.path / "config.json").write_text(json.dumps({"\x1b[2J\n" + "x" * 100_000: 1}))
    assert_refused(call("resume", "vae"))  # a newer version's: looked at, but not trained
    shown = call("sample", "vae")
    assert shown.returncode == 0
    assert b"xxx" not in shown.stdout + shown.stderr


def test_a_state_that_calls_fails_the_resume_and_is_not_executed(run: Run, call: Call_, place: Path) -> None:
    run.write_state(saved({"model": Call(os.system, f"touch {place}/executed")}))
    before = run.status()
    assert_refused(call("resume", "vae"), status=1)
    assert not (place / "executed").exists()
    error = "state.pt: is damaged, or holds more than tensors and plain values"
    assert run.status() == before.updated(error=error)


@pytest.mark.parametrize("shown", [(), ("--json",)], ids=["table", "json"])
def test_runs_with_everything_wrong_are_all_listed(run: Run, neighbour: Run, call: Call_, shown: tuple[str]) -> None:
    expected = {"vae", "neighbour", *NAMES.values()}
    for name in NAMES.values():
        shutil.copytree(run.path, run.path.with_name(name))
    for file in FILES:
        for number, make in enumerate(THINGS.values()):
            hostile = run.path.with_name(f"{file}-{number}")
            shutil.copytree(run.path, hostile)
            (hostile / file).unlink()
            make(hostile / file)
            expected.add(hostile.name)
    listed = call("runs", *shown)
    assert (listed.returncode, listed.stderr) == (0, b"")
    assert all(line.isprintable() for line in listed.stdout.decode().splitlines())
    if shown:
        assert {entry["name"] for entry in json.loads(listed.stdout)} == expected
    else:
        assert listed.stdout.count(b"! damaged") == len(LISTED_FROM) * len(THINGS)


@pytest.mark.parametrize("command", [("control", CODED, "save"), ("sample", CODED), ("reconstruct", CODED)])
def test_what_a_command_says_of_a_run_holds_no_codes_of_its_name(run: Run, call: Call_, command: tuple[str]) -> None:
    run.write_status(Status(state=State.RUNNING, host="elsewhere", heartbeat=time.time()))
    rename(run, CODED)
    done = call(*command)
    assert done.returncode == 0, done.stderr
    assert codes_in(done.stdout + done.stderr) == []
