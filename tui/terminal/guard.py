"""Leaves a usable terminal whatever ends this process: another one waits for that, and restores what was changed."""

from __future__ import annotations

import os
import select
import signal
import sys
import termios
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

SHOW_CURSOR = "\x1b[?25h"
# What the app turns on: drawing at once, mouse, focus, paste and size reports, kitty's keys, no wrapping, a screen of
# its own. What a terminal does not know it takes no notice of.
MODES = (2026, 1000, 1003, 1015, 1006, 1016, 1004, 2004, 2048)
LEAVE_APP = "".join(f"\x1b[?{mode}l" for mode in MODES) + f"\x1b[<u\x1b[?7h\x1b[0m\x1b[?1049l{SHOW_CURSOR}"
NOT_HEARD = ("SIGHUP", "SIGINT", "SIGQUIT", "SIGTERM", "SIGTSTP", "SIGTTIN", "SIGTTOU", "SIGUSR1", "SIGUSR2")


Restore = Callable[[str], None]
DONE = b"done"
LONGEST = 4096  # bytes that a pipe takes at once


@contextmanager
def guarded(codes: str = "") -> Iterator[Restore]:
    """Have `codes` written to the terminal, and its modes set back, if this process does not get to the end of it.

    Gives what changes the codes. To be entered early, before there are threads: this process is copied. Without a
    terminal nothing is done.
    """
    stream = next((each for each in (sys.__stdout__, sys.__stderr__) if each is not None and each.isatty()), None)
    if stream is None:
        yield lambda codes: None
        return
    screen = stream.fileno()
    modes, group = termios.tcgetattr(screen), os.getpgrp()
    waiting, living = os.pipe()
    guard = os.fork()
    if guard == 0:
        os.close(living)
        try:
            _wait(waiting, screen, codes.encode(), modes, group)
        finally:
            os._exit(0)
    os.close(waiting)

    def tell(words: bytes) -> None:
        with suppress(BrokenPipeError):  # somebody killed the guard
            os.write(living, words)

    try:
        yield lambda codes: tell(codes.encode())
    finally:
        tell(DONE)
        os.close(living)
        os.waitpid(guard, 0)


def _wait(waiting: int, screen: int, codes: bytes, modes: list[Any], group: int) -> None:
    """Be the process that waits. It is in a group of its own: what is done to that of the other spares it."""
    os.setpgid(0, 0)
    for name in NOT_HEARD:
        signal.signal(getattr(signal, name), signal.SIG_IGN)
    while told := os.read(waiting, LONGEST):
        if told.endswith(DONE):
            return
        codes = told
    with suppress(OSError, termios.error):  # the terminal is gone as well
        os.write(screen, codes)
        if not _was_taken_back(screen, group):
            termios.tcflush(screen, termios.TCIFLUSH)  # what the mouse told is no command
            termios.tcsetattr(screen, termios.TCSANOW, modes)


@contextmanager
def kept_typing() -> Iterator[None]:
    """Keep for the app what is typed before it listens: as keys, without showing them where the cursor stands."""
    if sys.__stdin__ is None or not sys.__stdin__.isatty():
        yield
        return
    keys = sys.__stdin__.fileno()
    before = termios.tcgetattr(keys)
    changed = termios.tcgetattr(keys)
    changed[0] &= ~termios.ICRNL  # enter is a key of its own, not ctrl+j
    changed[3] &= ~(termios.ECHO | termios.ICANON)
    termios.tcsetattr(keys, termios.TCSANOW, changed)
    try:
        yield
    finally:
        termios.tcsetattr(keys, termios.TCSANOW, before)


def _was_taken_back(screen: int, group: int) -> bool:
    """Whether a shell has the terminal again, and so has set its modes already."""
    try:
        return os.tcgetpgrp(screen) != group
    except OSError:  # there is no shell: the program that ended led the session
        return False


def end_with_the_terminal() -> None:
    """End this process at once when its terminal is gone, even where a shell would keep it: it has nobody to serve."""
    signal.signal(signal.SIGHUP, lambda number, frame: os._exit(128 + number))
    threading.Thread(target=_end_after_the_terminal, name="terminal", daemon=True).start()


def _end_after_the_terminal() -> None:
    """Only the leader of a session is told by a signal."""
    lost = select.poll()
    lost.register(sys.stdin.fileno(), 0)
    lost.poll()
    os._exit(128 + signal.SIGHUP)
