"""Trainers die and are signalled at any moment; a run loses nothing but the time since its last save."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from core import files
from core.errors import RunError
from core.jobs import launch
from core.jobs.setup import Job
from core.jobs.trainer.intervals import Intervals
from core.runs.run import Run
from core.runs.status import LOST_AFTER_SECONDS, State, Status, process_started, uptime
from tests.support import run_files, trainers
from tests.support.trainers import Process

MakeRun = Callable[..., Run]
WaitUntil = Callable[..., None]

LONG = {"epochs": 100_000, "validate_every": 1000}
# No process has that number.
GONE = 2**22 - 1
# Half of the time is spent saving.
SAVING = Job(intervals=Intervals(report=0.0, first_save=0.0, last_save=0.0, save_share=1.0))


# SIGKILL


def kill_at_a_random_moment(run: Run, process: Process, chance: random.Random) -> bool:
    """Strike anywhere, or after a few saves within a file or between two; whether it was still alive."""

    def saves(count: int) -> None:
        for _ in range(count):
            version = run.weights_version()
            trainers.wait_while_alive(process, lambda: run.weights_version() != version)  # noqa: B023

    match chance.choice(["anywhere", "while it starts", "within a file", "between two files"]):
        case "anywhere":
            time.sleep(chance.uniform(0, 1.5))
        case "while it starts":
            time.sleep(chance.uniform(0, 0.15))
        case "within a file":
            saves(chance.randrange(4))
            file = chance.choice(["model.safetensors", "state.pt", "status.json"])
            size = run_files.size(run, file)
            trainers.wait_while_alive(
                process, lambda: file in run_files.temporaries(run) or run_files.size(run, file) != size
            )
        case "between two files":
            saves(chance.randrange(1, 5))
            time.sleep(chance.uniform(0, 0.02))
    return run_files.kill(run, process)


def soak(*values: object) -> object:
    return pytest.param(*values, marks=[pytest.mark.soak, pytest.mark.timeout(1800)])


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("preset", "kills"), [("ae", 10), ("vae", 10), soak("ae", 100), soak("vae", 100)])
def test_a_run_killed_at_random_moments_ends_bit_for_bit_like_an_undisturbed_one(
    preset: str, kills: int, make_small_run: MakeRun, chance: random.Random
) -> None:
    seen = Counter[str]()
    undisturbed = make_small_run("undisturbed", preset=preset)
    trainers.finish(undisturbed)
    expected = run_files.lines(undisturbed)
    assert len(expected) == 4 * (trainers.STEPS_PER_EPOCH + 1)

    while seen["kills"] < kills:
        seen["runs"] += 1
        run = make_small_run(f"killed-{seen['runs']}", preset=preset)
        while not run_files.is_trained(run) and seen["kills"] < kills:
            if not kill_at_a_random_moment(run, trainers.begin(run, SAVING), chance):
                break
            seen["kills"] += 1
            seen["kills while saving"] += run_files.died_while_saving(run)
            seen["kills that left a half written file"] += bool(run_files.temporaries(run))
            run_files.assert_sound(run)
            assert run.state() in (State.CREATED, State.LOST, State.FINISHED)
            assert run_files.lines(run) == expected[: len(run_files.lines(run))]
        if not run_files.is_trained(run):
            trainers.finish(run)
        run_files.assert_same_training(run, undisturbed)
        assert run_files.lines(run) == expected
        seen["runs to the end"] += run.state() is State.FINISHED

    print(dict(seen))
    if kills >= 100:
        assert seen["kills while saving"] > 0
        assert seen["kills that left a half written file"] > 0


@pytest.mark.parametrize("told", [3, 4], ids=["before its status says so", "before it says that it finished"])
def test_a_run_killed_just_after_its_last_save_is_finished_by_the_next_trainer(
    make_small_run: MakeRun, wait_until: WaitUntil, told: int
) -> None:
    run = make_small_run()
    trainers.finish(run)
    run.write_status(run.status().model_copy(update={"state": State.RUNNING, "epoch": told, "pid": GONE}))
    assert run.state() is State.LOST
    launch.resume(run).wait_until_started()
    wait_until(lambda: not run.state().active, what="the end")
    assert (run.state(), run.status().error) == (State.FINISHED, None)


def start_genuine(run: Run) -> int:
    """The number of a trainer process as users start it, once it has the run."""
    genuine = launch.resume(run)
    genuine.wait_until_started()
    return genuine.pid


def test_a_genuine_trainer_whose_process_group_is_killed_goes_on_to_the_same_end(
    make_small_run: MakeRun, wait_until: WaitUntil, chance: random.Random
) -> None:
    killed, undisturbed = (make_small_run(name, preset="vae", epochs=40) for name in ("killed", "undisturbed"))
    reference = trainers.begin(undisturbed)
    for _ in range(2):
        pid = start_genuine(killed)
        assert os.getpgid(pid) == pid
        loaded = killed.weights_version()
        wait_until(lambda: killed.weights_version() != loaded, what="the first save")  # noqa: B023
        time.sleep(chance.uniform(0, 0.4))
        os.kill(pid, signal.SIGUSR1)
        time.sleep(chance.uniform(0, 0.4))
        os.killpg(pid, signal.SIGKILL)
        # A thread that waits for the disk holds the lock for a moment longer than its process has an entry.
        wait_until(lambda: process_started(pid) is None and killed.state() is State.LOST, what="death")  # noqa: B023
        run_files.assert_sound(killed)
    start_genuine(killed)
    wait_until(lambda: not killed.state().active, what="the end")
    reference.join(200)
    assert killed.state() is undisturbed.state() is State.FINISHED
    run_files.assert_same_end(killed, undisturbed)


def test_what_a_dead_trainer_left_half_written_is_swept_by_the_next_and_by_nobody_who_is_refused(
    make_small_run: MakeRun,
) -> None:
    run = make_small_run(**LONG)
    first = trainers.begin(run)
    trainers.wait_until_at_work(run, first)
    for file in ("model.safetensors", "state.pt", "status.json", "control.json"):
        (run.path / f".{file}{files.TEMPORARY_MARK}{'0' * 32}").write_bytes(b"half")
    refused = trainers.begin(run)
    refused.join(30)
    assert {"model.safetensors", "state.pt", "status.json", "control.json"} <= set(run_files.temporaries(run))
    run_files.kill(run, first)
    run_files.assert_sound(run)
    following = trainers.begin(run)
    trainers.wait_until_at_work(run, following)
    trainers.wait_while_alive(following, lambda: run.status().activity == "training")
    # A viewer may be writing its request just now.
    assert set(run_files.temporaries(run)) - {"status.json"} == {"control.json"}


# Signals that ask


@pytest.fixture
def training(make_small_run: MakeRun, wait_until: WaitUntil) -> Iterator[tuple[Run, Process]]:
    """A run in training, past its first steps, and its trainer."""
    run = make_small_run(**LONG)
    process = trainers.begin(run)
    wait_until(lambda: run.status().step > 2, what="the first steps")
    yield run, process
    run_files.kill(run, process)


def pause(run: Run, wait_until: WaitUntil) -> None:
    launch.send_request(run, "pause")
    wait_until(lambda: run.state() is State.PAUSED, what="the pause")


def assert_stopped_with_everything_saved(run: Run, process: Process) -> None:
    process.join(30)
    assert (process.exitcode, run.state()) == (0, State.STOPPED)
    assert run.status().step == run.status().saved_step == run_files.saved_step(run)
    run_files.assert_sound(run)


@pytest.mark.parametrize("paused", [False, True], ids=["training", "paused"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_asked_to_end_it_saves_and_stops(
    training: tuple[Run, Process], wait_until: WaitUntil, number: signal.Signals, paused: bool
) -> None:
    run, process = training
    if paused:
        pause(run, wait_until)
    trainers.send_signal(process, number)
    assert_stopped_with_everything_saved(run, process)
    assert f"stopped: {number.name}" in run.last_log_line()


def test_asked_to_end_while_it_loads_it_stops_before_the_first_step(make_small_run: MakeRun) -> None:
    run = make_small_run(**LONG)
    process = trainers.begin(run)
    trainers.wait_until_at_work(run, process)
    trainers.send_signal(process, signal.SIGTERM)
    assert_stopped_with_everything_saved(run, process)
    assert run.status().step <= 2


def test_a_hang_up_changes_nothing_while_it_is_paused(training: tuple[Run, Process], wait_until: WaitUntil) -> None:
    run, process = training
    pause(run, wait_until)
    step, weights, beat = run.status().step, run.weights_version(), run.status().heartbeat
    trainers.send_signal(process, signal.SIGHUP)
    wait_until(lambda: run.status().heartbeat > beat, what="the next heartbeat")
    assert (run.state(), run.status().step, run.weights_version()) == (State.PAUSED, step, weights)
    launch.send_request(run, "resume")
    wait_until(lambda: run.status().step > step, what="going on")


def test_asked_to_save_while_it_is_paused_it_saves_and_stays_paused(
    training: tuple[Run, Process], wait_until: WaitUntil
) -> None:
    run, process = training
    pause(run, wait_until)
    step, weights = run.status().step, run.weights_version()
    trainers.send_signal(process, signal.SIGUSR1)
    wait_until(lambda: run.weights_version() != weights, what="the save")
    beat = run.status().heartbeat
    wait_until(lambda: run.status().heartbeat > beat, what="the next heartbeat")
    assert (run.state(), run.status().step) == (State.PAUSED, step)


def test_a_run_signalled_and_stopped_at_random_moments_ends_like_an_undisturbed_one(
    make_small_run: MakeRun, chance: random.Random
) -> None:
    undisturbed, run = (make_small_run(name, preset="vae") for name in ("undisturbed", "signalled"))
    trainers.finish(undisturbed)
    for number in (signal.SIGTERM, signal.SIGINT):
        process = trainers.begin(run)
        trainers.wait_until_at_work(run, process)
        for _ in range(5):
            time.sleep(chance.uniform(0, 0.15))
            trainers.send_signal(process, chance.choice([signal.SIGHUP, signal.SIGUSR1]))
        trainers.send_signal(process, number)
        process.join(30)
        assert process.exitcode == 0
        if run.state() is State.FINISHED:
            break
        assert_stopped_with_everything_saved(run, process)
    if run.state() is not State.FINISHED:
        trainers.finish(run)
    run_files.assert_same_end(run, undisturbed)
    assert run_files.lines(run) == run_files.lines(undisturbed)


# Two trainers


def test_a_second_trainer_is_refused_with_the_process_and_the_host_of_the_first(
    training: tuple[Run, Process], wait_until: WaitUntil
) -> None:
    run, process = training
    holder = f"a-run is being trained by process {process.pid} on {socket.gethostname()}"
    second = trainers.begin(run)
    second.join(30)
    assert second.exitcode == 3
    assert run.last_log_line().endswith(f"refused: {holder}")
    with pytest.raises(RunError, match=holder):
        launch.start(run).wait_until_started()
    step = run.status().step
    wait_until(lambda: run.status().step > step, what="the first one going on")
    assert (run.status().pid, run.state()) == (process.pid, State.RUNNING)


def test_of_trainers_that_start_together_one_trains_and_the_others_change_nothing(
    make_small_run: MakeRun, wait_until: WaitUntil
) -> None:
    undisturbed, run = (make_small_run(name, **LONG) for name in ("undisturbed", "wanted"))
    together = [trainers.begin(run) for _ in range(4)]
    wait_until(lambda: sum(process.is_alive() for process in together) == 1, what="three to leave it to the fourth")
    (trains,) = (process for process in together if process.is_alive())
    trainers.wait_until_at_work(run, trains)
    trainers.send_signal(trains, signal.SIGTERM)
    trains.join(30)
    assert Counter(process.exitcode for process in together) == {0: 1, 3: 3}
    assert_stopped_with_everything_saved(run, trains)
    to_the_next_epoch = replace(trainers.EVERY_LINE, epochs=run.status().epoch + 1)
    for each in (run, undisturbed):
        trainers.finish(each, to_the_next_epoch)
    run_files.assert_sound(run)
    run_files.assert_same_weights(run, undisturbed)
    assert run_files.lines(run) == run_files.lines(undisturbed)


# What a dead trainer said last


@pytest.fixture
def bystander() -> Iterator[int]:
    """A process that has nothing to do with any run."""
    with subprocess.Popen(["sleep", "600"]) as process:
        yield process.pid
        process.kill()


def last_words_of(pid: int, **news: object) -> Status:
    """What stays in status.json when this trainer of this host dies."""
    own = {"pid": pid, "process_started": uptime() - 1000.0, "host": socket.gethostname(), "heartbeat": time.time()}
    return Status(state=State.RUNNING, epochs=4, **(own | news))


YEAR = 365 * 86400.0
STALE = {
    "its number was given to another process": lambda bystander: last_words_of(bystander),
    "its clock was ahead": lambda _: last_words_of(GONE, heartbeat=time.time() + YEAR),
    "its clock stood in 1970": lambda _: last_words_of(GONE, heartbeat=0.0),
    "it was on another host, where its number lives here": lambda bystander: last_words_of(
        bystander, host="elsewhere", heartbeat=time.time() - 2 * LOST_AFTER_SECONDS
    ),
    "it was on another host, whose clock stood in 1970": lambda _: last_words_of(GONE, host="elsewhere", heartbeat=0.0),
    "it was on another host, whose clock was ahead": lambda _: last_words_of(
        GONE, host="elsewhere", heartbeat=time.time() + YEAR
    ),
}


@pytest.mark.parametrize("status", STALE.values(), ids=STALE)
def test_what_a_dead_trainer_said_last_never_keeps_a_run_from_going_on(
    make_small_run: MakeRun, bystander: int, status: Callable[[int], Status]
) -> None:
    run = make_small_run()
    run.write_status(status(bystander))
    assert run.state() is State.LOST
    with pytest.raises(RunError, match="is lost, so there is no trainer to pause"):
        launch.send_request(run, "pause")
    pid = start_genuine(run)
    assert (run.state(), run.status().pid, run.status().host) == (State.RUNNING, pid, socket.gethostname())


def test_the_lock_of_a_dead_trainer_is_gone_with_it(training: tuple[Run, Process]) -> None:
    run, process = training
    with pytest.raises(RunError, match="is being trained"):
        run.open_metrics()
    run_files.kill(run, process)
    run.open_metrics().close()


@pytest.mark.parametrize("heartbeat", [0.0, time.time() - YEAR, time.time() + YEAR], ids=["1970", "behind", "ahead"])
def test_a_live_trainer_is_not_lost_however_silent_it_is_and_whatever_the_clocks_say(
    training: tuple[Run, Process], wait_until: WaitUntil, heartbeat: float
) -> None:
    run, process = training
    trainers.send_signal(process, signal.SIGSTOP)
    wait_until(lambda: process_state(process.pid or 0) == "T", what="standing still")
    run.write_status(run.status().model_copy(update={"heartbeat": heartbeat}))
    assert run.state() is State.RUNNING
    with pytest.raises(RunError, match=f"a-run is running in process {process.pid}"):
        launch.resume(run)
    step = run.status().step
    trainers.send_signal(process, signal.SIGCONT)
    wait_until(lambda: run.status().step > step, what="going on")
    assert abs(run.status().heartbeat - time.time()) < LOST_AFTER_SECONDS


def process_state(pid: int) -> str:
    with open(f"/proc/{pid}/stat") as file:  # noqa: PTH123 - a file of the kernel, read as a stream
        return file.read().rpartition(") ")[2][0]
