"""20: A usable terminal is left whatever ends a program that changed it."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from core.runs.run import Run
from tests.conftest import CHECKPOINTS
from tests.support.hostile import VAE_TUI
from tests.support.terminal import ENVIRONMENT
from tui.terminal.guard import LEAVE_APP, SHOW_CURSOR

WaitUntil = Callable[..., None]

ON, OFF = b"\x1b[?1049h", b"\x1b[?1049l"


class RawTerminal:
    """A pseudo-terminal whose bytes and modes a test reads."""

    def __init__(self, words: list[str], folder: Path) -> None:
        self.master, self.slave = pty.openpty()
        self.before = termios.tcgetattr(self.slave)
        self.written = b""
        self.process = subprocess.Popen(
            words, cwd=folder, env=ENVIRONMENT, stdin=self.slave, stdout=self.slave, stderr=self.slave,
            start_new_session=True, preexec_fn=lambda: os.close(os.open(os.ttyname(0), os.O_RDWR)),
        )  # fmt: skip

    def read(self) -> bytes:
        while select.select([self.master], [], [], 0.05)[0]:
            self.written += os.read(self.master, 1 << 16)
        return self.written

    @property
    def is_raw(self) -> bool:
        return not termios.tcgetattr(self.slave)[3] & termios.ICANON


@pytest.fixture
def open_terminal(tmp_path: Path) -> Iterator[Callable[..., RawTerminal]]:
    opened: list[RawTerminal] = []

    def start(*words: str) -> RawTerminal:
        opened.append(RawTerminal([VAE_TUI, *words], tmp_path))
        return opened[-1]

    yield start
    for terminal in opened:
        terminal.process.kill()
        terminal.process.wait()
        os.close(terminal.master)
        os.close(terminal.slave)


OpenTerminal = Callable[..., RawTerminal]


def kill_group(pid: int) -> None:
    os.killpg(pid, signal.SIGKILL)


ENDS: dict[str, Callable[[int], None]] = {
    "killed as by a lack of memory": lambda pid: os.kill(pid, signal.SIGKILL),
    "abort in C code": lambda pid: os.kill(pid, signal.SIGABRT),
    "crash": lambda pid: os.kill(pid, signal.SIGSEGV),
    "killed with its group": kill_group,
}


@pytest.mark.parametrize("how", ENDS)
def test_the_app_leaves_a_usable_terminal_whatever_ends_it(
    open_terminal: OpenTerminal, wait_until: WaitUntil, how: str
) -> None:
    terminal = open_terminal("--runs-dir", str(CHECKPOINTS))
    wait_until(lambda: b"vae-mnist" in terminal.read(), what="the app")
    assert terminal.is_raw
    ENDS[how](terminal.process.pid)
    wait_until(lambda: OFF in terminal.read(), seconds=5, what="the terminal's own screen")
    assert terminal.process.wait(5) < 0
    assert terminal.written.endswith(LEAVE_APP.encode())
    wait_until(lambda: termios.tcgetattr(terminal.slave) == terminal.before, seconds=5, what="the modes")
    # Whatever was turned on is turned off.
    last = {mode: terminal.written.rfind(b"\x1b[?%dh" % mode) for mode in (1000, 1003, 1006, 1004, 2004, 1049)}
    assert all(terminal.written.rfind(b"\x1b[?%dl" % mode) > at >= 0 for mode, at in last.items())


def test_an_app_that_is_left_restores_the_terminal_once_and_leaves_no_process(
    open_terminal: OpenTerminal, wait_until: WaitUntil
) -> None:
    terminal = open_terminal("--runs-dir", str(CHECKPOINTS))
    wait_until(lambda: b"vae-mnist" in terminal.read(), what="the app")
    (guard,) = psutil.Process(terminal.process.pid).children()
    os.write(terminal.master, b"q")
    wait_until(lambda: terminal.read() is None or terminal.process.poll() is not None, what="the end")
    assert terminal.process.returncode == 0
    assert terminal.read().count(OFF) == 1
    wait_until(lambda: not guard.is_running(), seconds=5)


def test_an_app_whose_guard_was_killed_goes_on_and_is_left_as_ever(
    open_terminal: OpenTerminal, wait_until: WaitUntil
) -> None:
    terminal = open_terminal("--runs-dir", str(CHECKPOINTS))
    wait_until(lambda: b"vae-mnist" in terminal.read(), what="the app")
    psutil.Process(terminal.process.pid).children()[0].kill()
    os.write(terminal.master, b"q")
    wait_until(lambda: terminal.read() is None or terminal.process.poll() is not None, what="the end")
    assert (terminal.process.returncode, termios.tcgetattr(terminal.slave)) == (0, terminal.before)


def test_an_app_that_is_interrupted_by_a_signal_leaves_a_usable_terminal(
    open_terminal: OpenTerminal, wait_until: WaitUntil
) -> None:
    terminal = open_terminal("--runs-dir", str(CHECKPOINTS))
    wait_until(lambda: ON in terminal.read(), what="the app")
    terminal.process.send_signal(signal.SIGINT)  # perhaps before the app listens
    wait_until(lambda: OFF in terminal.read(), seconds=20, what="the terminal's own screen")
    terminal.process.wait(10)
    wait_until(lambda: not terminal.is_raw, seconds=5)


def test_keys_typed_while_the_app_loads_act_in_it_and_are_not_shown(
    open_terminal: OpenTerminal, wait_until: WaitUntil
) -> None:
    terminal = open_terminal("--runs-dir", str(CHECKPOINTS))
    wait_until(lambda: terminal.is_raw, what="a terminal that keeps what is typed")
    os.write(terminal.master, b"jk\r")
    assert ON not in terminal.read()  # else that was too late
    wait_until(lambda: ON in terminal.read(), what="the app")
    assert terminal.written.startswith(ON)
    wait_until(lambda: b" 2 training " in terminal.read(), what="the run that was opened")


def test_keys_typed_before_the_app_loads_act_in_it(open_terminal: OpenTerminal, wait_until: WaitUntil) -> None:
    terminal = open_terminal("--runs-dir", str(CHECKPOINTS))
    assert not terminal.is_raw  # else that is too late
    os.write(terminal.master, b"jk\r")
    wait_until(lambda: b" 2 training " in terminal.read(), what="the run that was opened")


def test_ctrl_c_while_the_app_loads_ends_it_and_sets_the_modes_back(
    open_terminal: OpenTerminal, wait_until: WaitUntil
) -> None:
    terminal = open_terminal("--runs-dir", str(CHECKPOINTS))
    wait_until(lambda: terminal.is_raw, what="a terminal that keeps what is typed")
    terminal.process.send_signal(signal.SIGINT)
    assert abs(terminal.process.wait(5)) in (signal.SIGINT, 128 + signal.SIGINT)
    wait_until(lambda: termios.tcgetattr(terminal.slave) == terminal.before, seconds=5, what="the modes")
    assert terminal.read() == b""  # it had no screen of its own to leave


def test_a_progress_bar_that_is_killed_leaves_a_cursor(
    open_terminal: OpenTerminal, tmp_path: Path, wait_until: WaitUntil
) -> None:
    words = ["--preset", "ae", "--dataset", "mnist-5k", "--device", "cpu", "--name", "a-run", "--runs-dir"]
    terminal = open_terminal("train", *words, str(tmp_path))
    run = Run(tmp_path / "a-run")
    wait_until(lambda: b"epoch 0/400" in terminal.read(), what="the bar")
    terminal.process.kill()
    wait_until(lambda: terminal.read().endswith(SHOW_CURSOR.encode()), seconds=5, what="the cursor")
    time.sleep(0.1)
    os.kill(run.status().pid or 0, signal.SIGKILL)
