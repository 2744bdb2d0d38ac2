"""Following something that changes, such as a run, while a screen is seen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from textual.message import Message
from textual.screen import ModalScreen, Screen

from core.errors import describe
from tui.background.polling import Poller, Reader

News = TypeVar("News")


def is_seen(screen: Screen[Any]) -> bool:
    """Whether a user sees the screen, be it behind a dialog."""
    return screen.is_active or (isinstance(screen.app.screen, ModalScreen) and screen in screen.app.screen_stack)


class Follower(Generic[News]):
    """Polls for a screen: opened when the screen is seen, paused while it is hidden.

    `on_update` is called in the UI thread with what is new; an error is shown once, as a notification.
    """

    @dataclass
    class Updated(Message):
        """A poller found something new; the screen passes it on to `deliver`."""

        follower: Follower[Any]
        poller: Poller[Any]
        news: Any

        def can_replace(self, message: Message) -> bool:
            return isinstance(message, Follower.Updated) and message.poller is self.poller

        def deliver(self) -> None:
            """Give it to the follower, unless that follows something else by now."""
            if self.poller is self.follower._poller:
                self.follower.has_news = True
                self.follower._on_update(self.news)

    def __init__(
        self,
        screen: Screen[Any],
        on_update: Callable[[News], object],
        seconds: float,
        on_failure: Callable[[str], object] = lambda reason: None,
    ) -> None:
        self._screen, self._on_update, self._seconds, self._on_failure = screen, on_update, seconds, on_failure
        self._open: Callable[[], Reader[News]] | None = None
        self._poller: Poller[News] | None = None
        self.has_news = False  # of what is followed, be it a failure

    @property
    def is_open(self) -> bool:
        """Whether there is something to follow."""
        return self._open is not None

    def follow(self, open_reader: Callable[[], Reader[News]] | None) -> None:
        """Follow this reader, or nothing, in place of what was followed before."""
        self.close()
        self._open, self.has_news = open_reader, False
        self.resume()

    def resume(self) -> None:
        """Poll at once and from now on, if the screen is seen: once it was drawn, which polling would hold up."""
        self._screen.call_after_refresh(self._go_on)

    def _go_on(self) -> None:
        if not is_seen(self._screen):
            return
        if self._poller is not None:
            self._poller.resume()
        elif self._open is not None:
            self._poller = poller = Poller(
                self._open,
                lambda news: self._screen.post_message(self.Updated(self, poller, news)),
                self._fail,
                self._seconds,
            )
            poller.start()

    def _fail(self, error: OSError) -> None:
        """Called in the poller's thread."""
        reason = describe(error)
        self._screen.notify(reason, severity="error", markup=False)
        self._screen.call_later(self._take_failure, reason)

    def _take_failure(self, reason: str) -> None:
        self.has_news = True
        self._on_failure(reason)

    def pause(self) -> None:
        """Poll no more until `resume`, if the screen is hidden."""
        if self._poller is not None and not is_seen(self._screen):
            self._poller.pause()

    def poll_now(self) -> None:
        """Do not wait for the next turn."""
        if self._poller is not None:
            self._poller.poll_now()

    def close(self) -> None:
        """Follow nothing any more."""
        if self._poller is not None:
            self._poller.close()
        self._poller = self._open = None
