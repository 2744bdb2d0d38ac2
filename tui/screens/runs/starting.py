"""Starts what waits in the queue while an app is open: a trainer that was killed did not."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from core.errors import describe


class Starter:
    """Looks off the UI thread, first into the folder of the app; that it fails is said once until it succeeds.

    As is why a run cannot be started. While one look takes long there is no other: where a folder hangs, they would
    take the threads that everything else needs. `show_paused` is told when the queue is paused, and when it goes on.
    """

    def __init__(self, runs_dir: Path, say: Callable[[str], object], show_paused: Callable[[bool], object]) -> None:
        self._folders, self._say, self._show_paused = [runs_dir], say, show_paused
        self._failed = self._paused = False
        self._refusals: frozenset[str] = frozenset()
        self._looking = threading.Lock()

    def __call__(self) -> None:
        if self._looking.acquire(blocking=False):
            try:
                self._look()
            finally:
                self._looking.release()

    def _look(self) -> None:
        from core.jobs.queue.register import read_register
        from core.jobs.queue.starting import start_waiting

        try:
            start_waiting(self._folders)
            register = read_register()
            self._note_paused(register.paused)
            self._note_refusals(frozenset(register.refusals.values()))
        except Exception as error:  # noqa: BLE001 - no failure of an action ends the app
            if not self._failed:
                self._say(f"cannot start what waits in the queue: {describe(error)}")
            self._failed = True
        else:
            self._folders, self._failed = [], False

    def _note_paused(self, paused: bool) -> None:
        if paused != self._paused:
            self._paused = paused
            self._show_paused(paused)

    def _note_refusals(self, refusals: frozenset[str]) -> None:
        for refusal in sorted(refusals - self._refusals):
            self._say(refusal)
        self._refusals = refusals
