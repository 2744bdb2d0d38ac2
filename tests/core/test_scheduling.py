"""The turns that a thread has of a core: what the kernel keeps of what it is asked for."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest

from core.scheduling import lengthen_turn

ASK = """
import ctypes, os, struct
from core.scheduling import FORMAT, NUMBERS, TURN, lengthen_turn
def kept():
    room = ctypes.create_string_buffer(struct.calcsize(FORMAT))
    assert not ctypes.CDLL(None).syscall(NUMBERS[os.uname().machine][1], 0, room, len(room), 0)
    return struct.unpack(FORMAT, room.raw)[TURN] / 1e9
print(lengthen_turn(0.02), kept(), os.nice(0), flush=True)
if not os.fork():
    print(kept() < 0.02, flush=True)
    os._exit(0)
os.wait()
os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
print(lengthen_turn(0.02))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="Linux's")
@pytest.mark.parametrize("niceness", [0, 3])
def test_a_turn_is_as_long_as_asked_for_but_not_that_of_what_is_started(niceness: int) -> None:
    answer = subprocess.run(
        [sys.executable, "-c", ASK], capture_output=True, text=True, check=True, preexec_fn=lambda: os.nice(niceness)
    )
    known = tuple(int(part) for part in platform.release().split("-")[0].split(".")[:2]) >= (6, 12)
    assert answer.stdout.splitlines() == [f"{known} {0.02 if known else 0.0} {os.nice(0) + niceness}", "True", "False"]


def test_another_kind_of_machine_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "unheard-of")
    assert not lengthen_turn()
