"""The whole path through a real terminal: from the key that opens the form to a finished run."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from core.runs.run import Run
from core.runs.status import State
from tests.support.terminal import ENVIRONMENT, Terminal

WaitUntil = Callable[..., None]

VAE_TUI = str(Path(sys.executable).with_name("vae-tui"))


@pytest.fixture
def open_app(tmp_path: Path) -> Callable[..., Terminal]:
    def open_one(*arguments: str, size: tuple[int, int] = (120, 40)) -> Terminal:
        command = [VAE_TUI, *arguments, "--data-dir", str(tmp_path / "data")]
        return Terminal(command, tmp_path, ENVIRONMENT, size)

    return open_one


OpenApp = Callable[..., Terminal]
EPOCHS = 12  # enough to be seen running and paused while the machine is busy


def start_small_run(terminal: Terminal, epochs: int) -> None:
    """Fill in the form: a plain autoencoder, few steps an epoch."""
    terminal.wait_for("no runs yet")
    terminal.press("n")
    terminal.wait_for("learning rate", "vae-mnist-5k")
    terminal.press("\r")
    terminal.wait_for("vae-post")
    terminal.press("\x1b[B\x1b[B\r")  # the list of presets: two down, to ae
    terminal.wait_for("plain autoencoder", " ae-mnist-5k")
    terminal.press("\t\t")
    terminal.press(f"\x7f\x7f\x7f{epochs}")
    terminal.press("\t\t\x7f\x7f\x7f250")
    terminal.wait_for("250")
    terminal.press("\x13")


def explorer_of(app: int) -> psutil.Process:
    """The one process that looks into runs for an app."""
    children = psutil.Process(app).children()
    (explorer,) = [child for child in children if "core.explorer.server" in child.cmdline()]
    return explorer


@pytest.mark.timeout(240)
def test_from_the_form_to_a_finished_run(open_app: OpenApp, runs_dir: Path, wait_until: WaitUntil) -> None:
    run = Run(runs_dir / "ae-mnist-5k")
    with open_app() as terminal:
        start_small_run(terminal, epochs=EPOCHS)
        terminal.wait_for("2 training", "▶ running", "images/s", f"/{EPOCHS}")
        wait_until(lambda: terminal.read() and run.path.exists() and run.status().step > 0, 120, what="the first steps")

        terminal.press("p")
        terminal.wait_for("‖ paused")
        assert run.state() is State.PAUSED
        terminal.press("q")
        assert terminal.wait_for_end() == 0
        shown = terminal.read()
        assert "ae-mnist-5k is paused" in shown
        assert "and stays so; go on: vae-tui control ae-mnist-5k resume" in shown

    with open_app(size=(80, 24)) as terminal:
        terminal.wait_for("ae-mnist-5k", "‖ paused")
        terminal.press("\r")
        terminal.wait_for("device")
        terminal.press("p")
        terminal.wait_for("▶ running")
        terminal.press("3")
        terminal.wait_for("by index", "▀")
        explorer = explorer_of(terminal.process.pid)
        assert "libtorch" not in Path(f"/proc/{terminal.process.pid}/maps").read_text()
        terminal.press("2")
        terminal.wait_for("▶ running")
        terminal.press("s")
        terminal.wait_for("Save and stop ae-mnist-5k?")
        terminal.press("y")
        terminal.wait_for("■ stopped", "r resumes from the last save")
        assert run.state() is State.STOPPED
        assert run.status().saved_step == run.status().step
        terminal.press("r")
        terminal.wait_for("▶ running", seconds=30)
        terminal.wait_for("✓ finished", "100%", seconds=120)
        terminal.press("q")
        assert terminal.wait_for_end() == 0
        assert "goes on without" not in terminal.read()
        wait_until(lambda: not explorer.is_running() or explorer.status() == psutil.STATUS_ZOMBIE, what="its end")
    assert (run.status().epoch, run.state()) == (EPOCHS, State.FINISHED)


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_a_lost_terminal_and_a_killed_viewer_change_nothing_for_the_run(
    open_app: OpenApp, runs_dir: Path, wait_until: WaitUntil
) -> None:
    run = Run(runs_dir / "ae-mnist-5k")
    with open_app() as terminal:
        start_small_run(terminal, epochs=400)
        terminal.wait_for("▶ running", "images/s")
        terminal.hang_up()  # the kernel sends SIGHUP
        assert terminal.wait_for_end(5) == 128 + signal.SIGHUP
    step = run.status().step
    wait_until(lambda: run.status().step > step, what="training after the terminal was lost")

    with open_app("ae-mnist-5k") as terminal:
        terminal.wait_for("▶ running", "images/s")
        terminal.process.kill()
        terminal.wait_for_end(5)
    step = run.status().step
    wait_until(lambda: run.status().step > step, what="training after the viewer was killed")

    with open_app("ae-mnist-5k") as terminal:
        terminal.wait_for("▶ running", "images/s")
        terminal.process.terminate()
        assert terminal.wait_for_end(5) == 0
        assert "goes on without the app" in terminal.read()
    assert run.state() is State.RUNNING
