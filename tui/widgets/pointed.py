"""A widget that tells pressing, dragging and turning the wheel apart; what each of them does is its own."""

from __future__ import annotations

from textual import events
from textual.geometry import Offset

from tui.widgets.strip_widget import StripWidget


class PointedWidget(StripWidget):
    """Calls the methods below, with cells from its own upper left corner; each does nothing unless it is overridden."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._held: Offset | None = None  # where the pointer holds what is shown
        self._was_dragged = False

    def point(self, at: Offset | None) -> None:
        """The pointer is there, or left the widget."""

    def press(self, at: Offset) -> bool:
        """The button went down there; whether what is shown can be dragged from there."""
        return True

    def drag(self, right: int, down: int) -> None:
        """What is shown was dragged by so many cells."""

    def choose(self, at: Offset, times: int) -> None:
        """The button was let go where it went down, so many times in a row."""

    def turn(self, at: Offset, *, closer: bool, along_y: bool) -> bool:
        """The wheel was turned there; whether that is of use."""
        return False

    def on_mouse_move(self, event: events.MouseMove) -> None:
        at = event.get_content_offset_capture(self)
        if self._held is None:
            self.point(at)
        elif at != self._held:
            right, down = at - self._held
            self._held, self._was_dragged = at, True
            self.drag(right, down)

    def on_leave(self) -> None:
        self.point(None)

    def on_mouse_down(self, event: events.MouseDown) -> None:
        at = event.get_content_offset_capture(self)
        self._was_dragged = False
        if self.press(at):
            self._held = at
            self.capture_mouse()

    def on_mouse_up(self) -> None:
        self._held = None
        self.release_mouse()

    def on_click(self, event: events.Click) -> None:
        if not self._was_dragged:
            self.choose(event.get_content_offset_capture(self), event.chain)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        self._turn(event, closer=True)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        self._turn(event, closer=False)

    def _turn(self, event: events.MouseEvent, *, closer: bool) -> None:
        if self.turn(event.get_content_offset_capture(self), closer=closer, along_y=event.shift or event.ctrl):
            event.stop()
