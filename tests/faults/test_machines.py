"""One run that two agents of torchrun train, as on two machines: here on two addresses of the loopback interface."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress

import psutil
import pytest

from core.program import START
from core.runs.run import Run
from core.runs.status import State
from tests.support import run_files, trainers
from tests.support.trainers import free_port

MakeRun = Callable[..., Run]
WaitUntil = Callable[..., None]
ADDRESSES = ("127.0.0.1", "127.0.0.2")

pytestmark = pytest.mark.timeout(400)


class Machine:
    """An agent and the processes that it started, as `docs/machines.md` starts them."""

    def __init__(self, run: Run, address: str, port: int, nodes: int, processes: int, *words: str) -> None:
        rendezvous = ["--rdzv-backend", "c10d", "--rdzv-endpoint", f"{ADDRESSES[0]}:{port}", "--rdzv-id", run.name]
        sizes = ["--nnodes", str(nodes), "--nproc-per-node", str(processes), "--local-addr", address]
        torchrun = [sys.executable, "-m", "torch.distributed.run", *rendezvous, *sizes]
        with run.log_path.open("ab") as log:
            self.agent = subprocess.Popen(
                [*torchrun, str(START), "core.worker", str(run.path), *words],
                stdout=log,
                stderr=log,
                env=os.environ | {"PYTHONSAFEPATH": "1", "OMP_NUM_THREADS": "1"},
                start_new_session=True,
            )

    def workers(self) -> list[int]:
        with suppress(psutil.NoSuchProcess):
            return [child.pid for child in psutil.Process(self.agent.pid).children()]
        return []

    def kill(self) -> None:
        """As where the power fails."""
        for pid in (self.agent.pid, *self.workers()):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


Start = Callable[..., list[Machine]]


@pytest.fixture
def start(wait_until: WaitUntil) -> Iterator[Start]:
    """Starts a machine for each of these numbers of processes, and returns once they train; the first has rank 0."""
    begun: list[Machine] = []

    def begin(run: Run, counts: tuple[int, ...], *words: str) -> list[Machine]:
        port, step = free_port(), run.status().saved_step or 0
        made = [
            Machine(run, address, port, len(counts), count, *words)
            for address, count in zip(ADDRESSES, counts, strict=False)
        ]
        begun.extend(made)

        def trains() -> bool:
            status, ours = run.status(), {pid for machine in made for pid in machine.workers()}
            return status.pid in ours and status.begun and status.step > step

        wait_until(trains, what="the first steps")
        return sorted(made, key=lambda machine: run.status().pid not in machine.workers())

    yield begin
    for machine in begun:
        machine.kill()


def await_end(machines: list[Machine], wait_until: WaitUntil) -> None:
    wait_until(lambda: all(machine.agent.poll() is not None for machine in machines), 150, "the end of the agents")


def test_two_machines_of_which_one_is_stopped_or_lost_end_the_run_as_if_nothing_had_happened(
    make_small_run: MakeRun, start: Start, wait_until: WaitUntil
) -> None:
    values = {"preset": "vae", "epochs": 150, "processes": 2}
    undisturbed, run = make_small_run("undisturbed", **values), make_small_run("wide", **values)
    together = trainers.begin_together(undisturbed, 2)

    _, second = machines = start(run, (1, 1))
    second.agent.terminate()  # only there; the first process is told by way of the run's folder
    wait_until(lambda: not any(machine.workers() for machine in machines), what="the end of the processes")
    for machine in machines:
        machine.kill()  # an agent waits five minutes for one that left
    assert (run.state(), run.status().step) == (State.STOPPED, run_files.saved_step(run))

    _, second = machines = start(run, (1, 1))
    second.kill()
    await_end(machines, wait_until)
    assert (run.state(), run.status().error) == (
        State.FAILED,
        "another of the processes that trained the run together has ended",
    )

    first, _ = machines = start(run, (1, 1))
    first.kill()
    await_end(machines, wait_until)
    wait_until(lambda: run.state() is State.LOST, what="the loss")

    machines = start(run, (2,))  # as many, on one machine
    wait_until(lambda: not run.state().active, 200, "the goal")
    for process in together:
        process.join(200)
    run_files.assert_same_end(run, undisturbed)


def test_a_run_goes_on_with_another_number_of_processes_if_asked_to_and_says_that_its_bits_are_others(
    make_small_run: MakeRun, start: Start, wait_until: WaitUntil
) -> None:
    run = make_small_run("wide", preset="vae", epochs=100_000, processes=2)
    machines = start(run, (1, 1))
    run.request("stop")
    await_end(machines, wait_until)
    before, length = run.status().step, len(run.log_path.read_text())

    refused = Machine(run, ADDRESSES[0], free_port(), 1, 3)
    await_end([refused], wait_until)
    assert (
        "processes must be 2, as the run was made for, not 3; --processes 3 trains it by as many"
        in (run.log_path.read_text()[length:])
    )
    assert (run.state(), run.status().step) == (State.STOPPED, before)
    machines = start(run, (1, 2), "--processes", "3")
    assert "3 processes" in run.status().device_name
    assert "no longer bit for bit: trained by 3 instead of 2 processes" in run.status().device_name
    run.request("stop")
    await_end(machines, wait_until)
    assert run.status().step > before
    assert run_files.saved_step(run) == run.status().step
