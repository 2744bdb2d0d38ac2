"""How many cores others leave is what the system counts, and decides how many threads PyTorch takes."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from types import SimpleNamespace

import psutil
import pytest
import torch

from core import cores
from core.cores import CoreMeter, SharedThreads


class Machine:
    """Four cores, of which this process may use three, and what was used of them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now, self.used, self.own = 100.0, [50.0] * 4, 7.0
        monkeypatch.setattr(time, "monotonic", lambda: self.now)
        monkeypatch.setattr(psutil, "cpu_times", lambda percpu: [self.core(used) for used in self.used])
        monkeypatch.setattr(psutil.Process, "cpu_times", lambda process: self.core(self.own))
        monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1, 3}, raising=False)

    @staticmethod
    def core(used: float) -> SimpleNamespace:
        return SimpleNamespace(user=used / 2, nice=used / 4, system=used / 4, idle=1e6)

    def go_on(self, seconds: float, others: list[float], own: float = 0.0) -> None:
        """Let time go by in which others used these shares of the cores, and this process so many cores."""
        self.now += seconds
        self.own += own * seconds
        self.used = [used + share * seconds for used, share in zip(self.used, others, strict=True)]
        self.used[0] += own * seconds


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(monkeypatch)


def test_what_others_use_of_our_cores_is_not_free(machine: Machine) -> None:
    meter = CoreMeter()
    assert meter.read() == 3
    for others, free in (
        ([0.0, 0.0, 0.0, 0.0], 3),
        ([0.2, 0.1, 0.0, 0.1], 3),
        ([0.2, 0.2, 0.0, 0.2], 2),
        ([1.0, 0.0, 1.0, 0.0], 2),  # the third core is not ours
        ([1.0, 1.0, 1.0, 1.0], 1),  # this process has at least one
        ([0.0, 0.0, 0.0, 0.0], 3),  # and gets them all back
    ):
        machine.go_on(1.0, others)
        assert meter.read() == free


def test_what_this_process_uses_is_free_for_it(machine: Machine) -> None:
    meter = CoreMeter()
    machine.go_on(2.0, [0.0, 1.0, 0.0, 0.0], own=2.0)
    assert meter.read() == 2


def test_a_moment_says_nothing(machine: Machine) -> None:
    meter = CoreMeter()
    machine.go_on(cores.SHORTEST / 2, [1.0, 1.0, 1.0, 1.0])
    assert meter.read() == 3
    machine.go_on(cores.SHORTEST / 2, [1.0, 1.0, 1.0, 1.0])
    assert meter.read() == 1


@pytest.fixture
def busy_process() -> Iterator[None]:
    busy = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    yield
    busy.kill()
    busy.wait()


@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="one core is never left to others")
def test_a_process_that_computes_is_seen(busy_process: None) -> None:
    meter = CoreMeter()
    everything = meter.read()
    time.sleep(3 * cores.SHORTEST)
    assert meter.read() < everything


@pytest.mark.parametrize(("usual", "expected"), [(8, [3, 1, 3]), (2, [2, 1, 2]), (1, [1, 1, 1])])
def test_pytorch_takes_the_threads_that_have_a_core(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, usual: int, expected: list[int]
) -> None:
    monkeypatch.setattr(cores, "_usual_threads", lambda: usual)
    threads = SharedThreads(CoreMeter())
    found = []
    for share in (0.0, 0.9, 0.0):
        machine.go_on(1.0, [share] * 4)
        threads.adapt()
        found.append(torch.get_num_threads())
    assert found == expected
