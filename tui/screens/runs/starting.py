"""Starts what waits in the queue while an app is open: a trainer that was killed did not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from core.errors import describe


class Starter:
    """Looks off the UI thread, first into the folder of the app; that it fails is said once until it succeeds."""

    def __init__(self, runs_dir: Path, say: Callable[[str], object]) -> None:
        self._folders, self._say = [runs_dir], say
        self._failed = False

    def __call__(self) -> None:
        from core.jobs.queue.starting import start_waiting

        try:
            start_waiting(self._folders)
        except Exception as error:  # noqa: BLE001 - no failure of an action ends the app
            if not self._failed:
                self._say(f"cannot start what waits in the queue: {describe(error)}")
            self._failed = True
        else:
            self._folders, self._failed = [], False
