"""What every screen does: it shows the selected run, and follows what it shows while it is seen."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from textual import on
from textual.events import ScreenResume
from textual.screen import Screen

from tui.screens.following import Follower
from tui.screens.selection import Selection, Shared
from tui.widgets.strip_widget import StripWidget

if TYPE_CHECKING:
    from core.runs.run import Run

SCREENS = ("runs", "training", "reconstruct", "sample", "latent", "compare", "evaluate")  # keys 1 to 7
# How long the process that looks into runs is kept when nothing is asked: coming back costs the import of PyTorch.
SHOWN_SECONDS, HIDDEN_SECONDS = 600.0, 60.0
Result = TypeVar("Result")
News = TypeVar("News")


class BaseScreen(Screen[Result]):
    """Hears of the selected run and of graphics; its followers are paused while it is hidden."""

    EXPLORES: ClassVar[bool] = False  # whether what it shows comes from a model

    def __init__(self, shared: Shared) -> None:
        super().__init__()
        self.shared = shared
        self.selected_run: Run | None = None
        self._followers: list[Follower[Any]] = []

    def add_follower(
        self, on_update: Callable[[News], object], on_failure: Callable[[str], object] = lambda reason: None
    ) -> Follower[News]:
        """A follower that lives as long as the screen; `on_failure` shows for longer why nothing can be read."""
        follower = Follower(self, on_update, self.shared.timing.poll, on_failure)
        self._followers.append(follower)
        return follower

    @property
    def is_waiting(self) -> bool:
        """Whether nothing was heard yet of something that is followed."""
        return any(follower.is_open and not follower.has_news for follower in self._followers)

    def change_run(self, run: Run | None) -> None:
        """Show another run, or none."""
        self.selected_run = run
        self.set_class(run is None, "-norun")

    def on_mount(self) -> None:
        self.set_class(self.shared.selection.run is None, "-norun")
        self.shared.changed.subscribe(self, self._apply)
        self._apply(self.shared.selection)

    def _apply(self, selection: Selection) -> None:
        for widget in self.query(StripWidget):  # type: ignore[type-abstract]
            widget.draw_with(selection.graphics)
        if selection.run != self.selected_run:
            self.change_run(selection.run)

    def on_screen_suspend(self) -> None:
        for follower in self._followers:
            follower.pause()

    @on(ScreenResume)
    def _keep_styles(self, event: ScreenResume) -> None:
        """Have Textual not find the styles again: classes and themes that change do that for hidden screens too."""
        event.refresh_styles = False

    def on_screen_resume(self) -> None:
        for follower in self._followers:
            follower.resume()

    def on_follower_updated(self, message: Follower.Updated) -> None:
        message.deliver()

    def on_unmount(self) -> None:
        self.shared.changed.unsubscribe(self)
        for follower in self._followers:
            follower.close()


def seconds_kept(screens: Iterable[Screen[Any]]) -> float:
    """How long what explores runs is kept unasked while these screens are shown."""
    explores = any(isinstance(screen, BaseScreen) and screen.EXPLORES for screen in screens)
    return SHOWN_SECONDS if explores else HIDDEN_SECONDS
