"""How long this thread computes before the kernel gives the core to another that waits for it."""

from __future__ import annotations

import ctypes
import os
import platform
import struct
import sys

TURN_SECONDS = 0.02  # within which a key is answered; Linux itself takes 0.003 s
NUMBERS = {"x86_64": (314, 315), "aarch64": (274, 275)}  # of sched_setattr and sched_getattr
FORMAT = "IIQiIQQQ"  # size, policy, flags, niceness, priority, and for us the length of a turn in nanoseconds
FLAGS, TURN = 2, 5
NOT_INHERITED = 1  # SCHED_FLAG_RESET_ON_FORK: neither by threads nor by programs


def lengthen_turn(seconds: float = TURN_SECONDS) -> bool:
    """Ask for turns so long for this thread, but not for what it starts; whether the system knows such a thing.

    The thread gets no more of the core than before: after a long turn others have theirs. What computes in short
    bursts, such as an answer to a key, is no longer interrupted in the middle of one. Linux does so from 6.12 on.
    """
    numbers = NUMBERS.get(platform.machine())
    if sys.platform != "linux" or numbers is None or os.sched_getscheduler(0) != os.SCHED_OTHER:
        return False
    room = ctypes.create_string_buffer(struct.calcsize(FORMAT))
    call = ctypes.CDLL(None).syscall
    if call(numbers[1], 0, room, len(room), 0):
        return False
    values = list(struct.unpack(FORMAT, room.raw))
    if not values[TURN]:
        return False  # an older kernel, which would ignore what it is told
    values[FLAGS] |= NOT_INHERITED
    values[TURN] = round(seconds * 1e9)
    return int(call(numbers[0], 0, struct.pack(FORMAT, *values), 0)) == 0
