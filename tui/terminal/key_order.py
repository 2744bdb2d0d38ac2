"""Keys act in the order in which they were typed, also where many arrive at once."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from textual import events
from textual.app import App, ScreenStackError
from textual.dom import DOMNode
from textual.message import Message
from textual.message_pump import MessagePump

LONGEST_SECONDS = 3.0  # that a key keeps those behind it waiting
LOOK_SECONDS = 0.01
LINE_END = "ctrl+j"  # what enter is when it was typed before the terminal was the app's


class OrderedApp(App[None]):
    """Looks at a key only after all that the one before caused was done.

    Textual by itself looks at a key when it arrives: one with priority acts at once, ahead of those that are on their
    way through widgets, and one that follows a key which opens a dialog goes to the screen below.
    """

    @dataclass
    class Followed(Message):
        """Went the way of a key, behind it."""

        arrived: asyncio.Event

    def __init__(self) -> None:
        super().__init__()
        self._held: deque[events.Event] = deque()
        self._handling: asyncio.Task[None] | None = None
        self._last_input = time.monotonic()

    @property
    def rested(self) -> float:
        """Seconds since the last key, or since the mouse did something."""
        return time.monotonic() - self._last_input

    @property
    def handles_keys(self) -> bool:
        """Whether there is a key that did not act yet, or not all that it caused is done."""
        return self._handling is not None or bool(self._held)

    def on_mount(self) -> None:
        """Have keys wait that come before there is anything they could act on."""
        self._handling = asyncio.create_task(self._handle(self))

    async def on_event(self, event: events.Event) -> None:
        typed = isinstance(event, events.InputEvent | events.Paste)
        if typed:
            self._last_input = time.monotonic()
        if typed and not self.screen_stack:  # the app is being left
            return
        if isinstance(event, events.Key) and event.key == LINE_END:
            event = events.Key("enter", "\r")
        if typed and self.handles_keys and not event.is_forwarded:
            self._held.append(event)
        else:
            await self._look_at(event)

    async def _look_at(self, event: events.Event) -> None:
        typed = isinstance(event, events.Key | events.Paste) and not event.is_forwarded
        # Where it begins its way is known only before it acts.
        target = (self.focused or self.screen) if typed else None
        await super().on_event(event)
        if target is not None:
            self._handling = asyncio.create_task(self._handle(target))

    async def _handle(self, target: MessagePump) -> None:
        """Wait until a key that began its way at a widget has acted, then look at those behind it."""
        # Without a screen the app is being left.
        with suppress(TimeoutError, ScreenStackError):
            async with asyncio.timeout(LONGEST_SECONDS):
                arrived = asyncio.Event()
                if target.post_message(self.Followed(arrived)):
                    arrival = asyncio.create_task(arrived.wait())
                    while not arrival.done() and target.is_running:  # a key may end the widget that it goes to
                        await asyncio.wait([arrival], timeout=LOOK_SECONDS)
                    arrival.cancel()
                await self._settle()
                await self.wait_until_ready()
        self._handling = None
        self.call_later(self._look_at_held)

    async def _settle(self) -> None:
        """Wait until nothing is under way on the screen that is shown."""
        quiet = 0
        while quiet < 2:
            before = self._whereabouts()
            pumps = [self, *self.screen.walk_children(with_self=True)]
            busy = any(pump.message_queue_size for pump in pumps) or not self.screen.is_mounted
            awaited = [*filter(None, map(_caught_up, [self, *_shown(self.screen)]))]
            if not awaited:  # the app is being left: what is still under way will never be done
                return
            await asyncio.gather(*awaited)
            quiet = 0 if busy or before != self._whereabouts() else quiet + 1

    async def wait_until_ready(self) -> None:
        """Wait, though not for long, for what the screen must know before keys can act on it."""

    def _whereabouts(self) -> tuple[Any, ...]:
        return self.screen, self.focused, len(self.screen_stack)

    async def _look_at_held(self) -> None:
        while self._held and self._handling is None:
            await self._look_at(self._held.popleft())

    def on_ordered_app_followed(self, message: Followed) -> None:
        message.arrived.set()


def _shown(node: DOMNode) -> Iterator[DOMNode]:
    """It and all below it that is not hidden: what is hidden may be most of a form, and to ask it takes time."""
    yield node
    for child in node.displayed_children:
        yield from _shown(child)


def _caught_up(pump: MessagePump) -> asyncio.Future[None] | None:
    """Done once it has come to all that waits for it; None for one that is closed."""
    arrival = _Arrival()
    # Not by call_later: Textual would look at the signature of each of these, which takes longer than all the rest.
    return arrival.awaited if pump.post_message(events.Callback(arrival.come)) else None


class _Arrival:
    def __init__(self) -> None:
        self.awaited: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def come(self) -> None:
        if not self.awaited.done():
            self.awaited.set_result(None)
