"""Follows a reader off the UI thread and hands on one immutable snapshot whenever something changed."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from core.scheduling import lengthen_turn

POLL_SECONDS = 0.5
News = TypeVar("News", covariant=True)


class Reader(Protocol[News]):
    """What a poller reads; tests put their own in its place."""

    def poll(self) -> News | None:
        """What there is to see now, None when nothing changed since the last call."""


class Poller(Generic[News]):
    """A thread that opens a reader, polls it twice a second and hands on what is new, until it is closed.

    An OSError of the reader, such as a folder that is gone for a moment, goes to `on_error` once until a poll succeeds.
    """

    def __init__(
        self,
        open_reader: Callable[[], Reader[News]],
        on_update: Callable[[News], object],
        on_error: Callable[[OSError], object],
        seconds: float = POLL_SECONDS,
    ) -> None:
        self._open_reader, self._on_update, self._on_error, self._seconds = open_reader, on_update, on_error, seconds
        self._wake = threading.Event()
        self._resumed = threading.Event()
        self._closed = False
        self._thread = threading.Thread(target=self._poll, name="poller", daemon=True)

    def start(self) -> None:
        self._resumed.set()
        self._thread.start()

    def close(self) -> None:
        """Hand on nothing more; the thread ends soon after."""
        self._closed = True
        self._resumed.set()
        self._wake.set()

    def pause(self) -> None:
        """Poll no more until `resume`."""
        self._resumed.clear()

    def resume(self) -> None:
        """Poll at once, and go on."""
        self._resumed.set()
        self.poll_now()

    def poll_now(self) -> None:
        """Do not wait for the next turn."""
        self._wake.set()

    def _poll(self) -> None:
        lengthen_turn()
        reader = self._open_reader()
        failing = False
        while not self._closed:
            self._wake.clear()
            try:
                news = reader.poll()
                failing = False
            except OSError as error:
                news = None
                if not failing:
                    failing = True
                    self._on_error(error)
            if news is not None and not self._closed:
                self._on_update(news)
            self._wake.wait(self._seconds)
            self._resumed.wait()
