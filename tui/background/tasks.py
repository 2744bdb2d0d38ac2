"""Does a screen's tasks off the UI thread; of each kind the newest counts, older ones that wait are dropped."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from core.errors import describe
from core.memory import give_back
from core.scheduling import lengthen_turn

if TYPE_CHECKING:
    from textual.app import App


Task = Callable[[], object]
Result = TypeVar("Result")
REST_SECONDS = 1.0  # without a task


class LatestTaskQueue:
    """A thread that does tasks in the order in which their kinds were first submitted, until it is closed.

    A task handles the errors that it expects; whatever else it raises is a bug, which goes to `on_crash`, and the next
    task is done all the same. `on_idle` is called when nothing is left to do.
    """

    def __init__(self, on_crash: Callable[[Exception], object], on_idle: Callable[[], object] = lambda: None) -> None:
        self._on_crash, self._on_idle = on_crash, on_idle
        self._changed = threading.Condition()
        self._pending: dict[str, Task] = {}
        self._working = self._closed = False
        self._thread = threading.Thread(target=self._work, name="tasks", daemon=True)
        self._thread.start()

    @property
    def busy(self) -> bool:
        """Whether a task waits or is being done."""
        with self._changed:
            return self._working or bool(self._pending)

    @property
    def waiting(self) -> bool:
        """Whether a task waits."""
        with self._changed:
            return bool(self._pending)

    def submit(self, kind: str, task: Task) -> None:
        """Do this when its turn comes, in place of a task of that kind that still waits."""
        with self._changed:
            self._pending[kind] = task
            self._changed.notify()

    def cancel_pending(self) -> None:
        """Drop all that waits."""
        with self._changed:
            self._pending.clear()

    def close(self) -> None:
        """Begin nothing more; the thread ends after what it is doing."""
        with self._changed:
            self._closed = True
            self._changed.notify()

    def _work(self) -> None:
        lengthen_turn()
        rest: float | None = None  # after which there is memory to give back
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closed or self._pending, rest)
                if self._closed:
                    return
                task = self._pending.pop(next(iter(self._pending))) if self._pending else None
                self._working = task is not None
            if task is None:
                give_back()
                rest = None
                continue
            try:
                task()
            except Exception as error:  # noqa: BLE001 - a bug in a thread must not pass unseen
                self._on_crash(error)
            finally:
                self._working = False
            rest = REST_SECONDS
            if not self.busy:
                self._on_idle()


def show_in_app(app: App[Any], error: Exception) -> None:
    """Show what failed in a thread as a message: it must not pass unseen, and not end the app."""
    app.notify(describe(error), severity="error", markup=False)


def attempt(app: App[Any], act: Callable[[], Result]) -> Result | None:
    """What comes of it, for any thread; a failure is shown in a line."""
    try:
        return act()
    except Exception as error:  # noqa: BLE001 - no failure of an action ends the app
        show_in_app(app, error)
        return None
