"""Answers a screen's questions off the UI thread; of each kind the newest counts, older ones that wait are dropped."""

from __future__ import annotations

import threading
from collections.abc import Callable


class LatestTaskQueue:
    """A thread that answers questions in the order in which their kinds were first asked, until it is closed.

    A question raises what its asker expects inside itself; whatever else it raises is a bug, which `crash` hears.
    `rest` is called when nothing is left to answer.
    """

    def __init__(self, crash: Callable[[Exception], object], rest: Callable[[], object] = lambda: None) -> None:
        self._crash, self._rest = crash, rest
        self._changed = threading.Condition()
        self._waiting: dict[str, Callable[[], object]] = {}
        self._answering = self._closed = False
        self._thread = threading.Thread(target=self._work, name="studio", daemon=True)
        self._thread.start()

    @property
    def busy(self) -> bool:
        """Whether a question waits or is being answered."""
        with self._changed:
            return self._answering or bool(self._waiting)

    def ask(self, kind: str, question: Callable[[], object]) -> None:
        """Answer this when its turn comes, in place of a question of that kind that still waits."""
        with self._changed:
            self._waiting[kind] = question
            self._changed.notify()

    def drop(self) -> None:
        """Forget all that waits."""
        with self._changed:
            self._waiting.clear()

    def close(self) -> None:
        """Answer nothing more; the thread ends after what it is at."""
        with self._changed:
            self._closed = True
            self._changed.notify()

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closed or self._waiting)
                if self._closed:
                    return
                question = self._waiting.pop(next(iter(self._waiting)))
                self._answering = True
            try:
                question()
            except Exception as error:  # noqa: BLE001 - a bug in a thread must not pass unseen
                self._crash(error)
                return
            finally:
                self._answering = False
            if not self.busy:
                self._rest()
