"""Terminals are lost, viewers are killed and several ask at once; none of it reaches the training."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest

from core.jobs import launch
from core.runs.config import make_config
from core.runs.run import Run
from core.runs.status import State
from tests.support import run_files, trainers
from tests.support.terminal import ENVIRONMENT, Terminal

MakeRun = Callable[..., Run]
WaitUntil = Callable[..., None]
OpenViewer = Callable[..., Terminal]

VAE_TUI = str(Path(sys.executable).with_name("vae-tui"))
AT_ONCE = 2.0


@pytest.fixture
def open_viewer(tmp_path: Path, few_digits: Path) -> Iterator[OpenViewer]:
    """Opens a run in a terminal; `through` is a shell script that starts the app as "$@"."""
    with ExitStack() as stack:

        def open_one(run: Run, through: str | None = None) -> Terminal:
            command = [VAE_TUI, run.name, "--runs-dir", str(run.path.parent), "--data-dir", str(few_digits)]
            shell = [] if through is None else ["sh", "-c", through, "sh"]
            return stack.enter_context(Terminal(shell + command, tmp_path, ENVIRONMENT))

        yield open_one


# A lost terminal


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, few_digits: Path) -> Run:
    config = make_config(**trainers.SMALL | {"data_dir": str(few_digits), "preset": "ae", "epochs": 1})
    run = Run.create(tmp_path_factory.mktemp("finished"), "a-run", config)
    trainers.finish(run)
    return run


def while_it_starts(terminal: Terminal) -> None:
    time.sleep(0.3)


def while_it_shows_the_training(terminal: Terminal) -> None:
    terminal.wait_for("✓ finished", "2 training")


def while_it_works_on_the_latent_space(terminal: Terminal) -> None:
    terminal.wait_for("✓ finished")
    terminal.press("5")
    terminal.wait_for("5 latent")


def in_a_dialog(terminal: Terminal) -> None:
    terminal.wait_for("✓ finished")
    terminal.press("n")
    terminal.wait_for("learning rate")


@pytest.mark.parametrize(
    "moment",
    [while_it_starts, while_it_shows_the_training, while_it_works_on_the_latent_space, in_a_dialog],
    ids=lambda moment: moment.__name__,
)
def test_a_viewer_ends_at_once_with_its_terminal(
    finished: Run, open_viewer: OpenViewer, moment: Callable[[Terminal], None]
) -> None:
    terminal = open_viewer(finished)
    moment(terminal)
    terminal.hang_up()
    # While it loads it may come upon the missing terminal before it is told.
    assert terminal.wait_for_end(AT_ONCE) in (-signal.SIGHUP, 128 + signal.SIGHUP, 1)


def test_a_viewer_that_nobody_tells_of_its_lost_terminal_uses_no_processor_time(
    finished: Run, open_viewer: OpenViewer
) -> None:
    # The kernel tells the leader of the session only; this one takes no notice and stays.
    terminal = open_viewer(finished, through='trap "" HUP; "$@"; sleep 600')
    terminal.wait_for("✓ finished", "2 training")
    (viewer,) = psutil.Process(terminal.process.pid).children()
    terminal.hang_up()
    time.sleep(AT_ONCE)
    try:
        before = sum(viewer.cpu_times()[:2])
        time.sleep(AT_ONCE)
        assert sum(viewer.cpu_times()[:2]) - before < 0.2
    except psutil.NoSuchProcess:
        pass
    finally:
        for process in psutil.Process(terminal.process.pid).children():
            process.kill()


def test_a_viewer_in_which_nothing_happens_ends_when_it_is_told_to(finished: Run, open_viewer: OpenViewer) -> None:
    terminal = open_viewer(finished)
    while_it_shows_the_training(terminal)
    for _ in range(30):
        terminal.read(0.1)
    terminal.process.terminate()
    assert terminal.wait_for_end(AT_ONCE + 3) == 0


# What the training notices of it


def lose_the_terminal(terminal: Terminal) -> None:
    terminal.hang_up()


def kill_the_viewer(terminal: Terminal) -> None:
    terminal.process.kill()


def end_the_viewer(terminal: Terminal) -> None:
    terminal.process.terminate()


@pytest.mark.parametrize(
    "disconnects",
    [
        pytest.param(3, marks=pytest.mark.timeout(240)),
        pytest.param(10, marks=[pytest.mark.soak, pytest.mark.timeout(900)]),
    ],
)
def test_a_training_whose_viewers_are_cut_off_again_and_again_ends_as_if_nothing_had_happened(
    disconnects: int, make_small_run: MakeRun, open_viewer: OpenViewer, wait_until: WaitUntil
) -> None:
    run, undisturbed = (make_small_run(name, preset="vae", epochs=30 * disconnects) for name in ("watched", "alone"))
    reference = trainers.begin(undisturbed)
    pids = set()
    for number in range(disconnects):
        terminal = open_viewer(run)
        if number == 0:
            terminal.wait_for("· created")
            terminal.press("r")
        terminal.wait_for("2 training", run.name)
        wait_until(lambda: run.status().step > 0, what="the first steps")
        pids.add(run.status().pid)
        cut_off = (lose_the_terminal, kill_the_viewer, end_the_viewer)[number % 3]
        cut_off(terminal)
        terminal.wait_for_end(AT_ONCE + 3)
        assert run.state() in (State.RUNNING, State.FINISHED)
        assert run.status().error is None
    wait_until(lambda: not run.state().active, 60 * disconnects, what="the end")
    reference.join(60 * disconnects)
    assert run.state() is undisturbed.state() is State.FINISHED
    assert len(pids) == 1
    assert run.log_path.read_text().count("training vae on") == 1
    run_files.assert_same_end(run, undisturbed)


# Several who ask at once


def show(terminals: list[Terminal], text: str) -> None:
    for terminal in terminals:
        terminal.wait_for(text)


def command_line(run: Run, action: str) -> subprocess.Popen[str]:
    command = [VAE_TUI, "control", run.name, action, "--runs-dir", str(run.path.parent)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


@pytest.mark.timeout(240)
def test_two_viewers_and_a_command_line_ask_one_run_and_the_last_one_is_obeyed_and_seen_by_all(
    make_small_run: MakeRun, open_viewer: OpenViewer, wait_until: WaitUntil, chance: random.Random
) -> None:
    run = make_small_run(epochs=100_000, validate_every=1000)
    process = trainers.begin(run)
    one, other = viewers = [open_viewer(run), open_viewer(run)]
    show(viewers, "▶ running")

    one.press("p")
    show(viewers, "‖ paused")
    other.press("p")
    show(viewers, "▶ running")
    asked = command_line(run, "pause")
    show(viewers, "‖ paused")
    assert asked.wait(30) == 0

    for action in ("resume", "pause", "resume"):
        asked = command_line(run, action)
        while asked.poll() is None:
            chance.choice(viewers).press("p")
            for viewer in viewers:
                viewer.read(chance.uniform(0, 0.15))
        assert (asked.returncode, asked.stdout and asked.stdout.read()) == (0, f"asked {run.name} to {action}\n")
        for viewer in viewers:
            viewer.read(1.0)  # what was typed has been asked
        wait_until(lambda: not run.requests.names(), what="an answer to the last request")
        state = State.PAUSED if run.last_log_line("asked to ").endswith("pause") else State.RUNNING
        show(viewers, "‖ paused" if state is State.PAUSED else "▶ running")
        assert run.state() is state

    assert command_line(run, "stop").wait(30) == 0
    show(viewers, "■ stopped")
    process.join(30)
    assert process.exitcode == 0
    run_files.assert_sound(run)
    for viewer in viewers:
        assert viewer.process.poll() is None
        viewer.press("q")
        assert viewer.wait_for_end() == 0


THREADS, REQUESTS = 4, 25


def ask_from_many_threads(run: Run) -> None:
    def ask(first: int) -> None:
        for number in range(REQUESTS):
            run.request(("pause", "resume", "save")[(first + number) % 3])

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(ask, range(THREADS)))


def test_requests_from_many_threads_and_processes_are_all_there_and_whole(
    make_small_run: MakeRun,
) -> None:
    run = make_small_run()
    askers = [trainers.fork(ask_from_many_threads, run) for _ in range(3)]
    while any(asker.is_alive() for asker in askers):
        for name in run.requests.names():
            run.requests.read(name)  # raises when it is not whole
        run.remove_temporary_files()  # as a trainer does that starts just now
    assert [asker.exitcode for asker in askers] == [0, 0, 0]
    assert len(run.requests.names()) == 3 * THREADS * REQUESTS
    assert run_files.temporaries(run) == []


def test_every_request_of_a_crowd_is_done_and_the_last_one_last(make_small_run: MakeRun, wait_until: WaitUntil) -> None:
    run = make_small_run(epochs=100_000, validate_every=1000)
    process = trainers.begin(run)
    wait_until(lambda: run.status().step > 0, what="the first steps")
    askers = [trainers.fork(ask_from_many_threads, run) for _ in range(2)]
    for asker in askers:
        asker.join(60)
    launch.send_request(run, "pause")
    wait_until(lambda: not run.requests.names() and run.state() is State.PAUSED, what="the pause")
    assert run.log_path.read_text().count(" asked to ") == 2 * THREADS * REQUESTS + 1
    trainers.send_signal(process, signal.SIGTERM)
    process.join(30)
    assert (process.exitcode, run.state()) == (0, State.STOPPED)
    assert "ignored" not in run.log_path.read_text()
