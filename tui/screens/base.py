"""What every screen does: it shows the selected run, and follows what it shows while it is seen."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from textual import on, work
from textual.binding import Binding, BindingType
from textual.events import ScreenResume
from textual.screen import Screen

from tui.background.tasks import attempt
from tui.messages import RunOpened
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

    ABOUT: ClassVar[str] = ""  # what it is called, and behind a colon what is there
    EXPLORES: ClassVar[bool] = False  # whether what it shows comes from a model
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "left_parenthesis",
            "step_run(-1)",
            "run before",
            key_display="(",
            tooltip="show the run before, in the order of the list",
            id="run.before",
            show=False,
        ),
        Binding(
            "right_parenthesis",
            "step_run(1)",
            "next run",
            key_display=")",
            tooltip="show the next run, in the order of the list",
            id="run.next",
            show=False,
        ),
    ]

    def __init__(self, shared: Shared) -> None:
        super().__init__()
        self.shared = shared
        self.selected_run: Run | None = None
        self._followers: list[Follower[Any]] = []

    def say_why_not(self, action: str) -> bool:
        """Say why a key does nothing now, where that is known."""
        return False

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

    @property
    def topic(self) -> str:
        """What is seen, by a name that tui/screens/help/formulas.py has."""
        return "loss"

    @property
    def sees_topic(self) -> bool:
        """Whether what the topic is about is there, rather than still computed."""
        return True

    def what_runs_do(self, run: Run) -> Iterator[tuple[str, Callable[[], object]]]:
        """What can be done here with a run that is found by its name."""
        yield "open", lambda: self.post_message(RunOpened(run))

    def change_run(self, run: Run | None) -> None:
        """Show another run, or none."""
        self.selected_run = run
        self.set_class(run is None, "-norun")

    def action_step_run(self, by: int) -> None:
        """Show the run that stands so many rows below in the list."""
        if self.shared.listed:
            self._step(by)
        else:  # nobody saw the list yet
            self._list_and_step(by)

    @work(thread=True, exclusive=True, group="listed")
    def _list_and_step(self, by: int) -> None:
        from core.runs.catalog import find_runs, newest_first, summarise

        found = attempt(self.app, lambda: newest_first(map(summarise, find_runs(self.shared.runs_dir))))
        if found is not None:
            self.shared.listed = [summary.run for summary in found]
            self.app.call_from_thread(self._step, by)

    def _step(self, by: int) -> None:
        runs, run = self.shared.listed, self.selected_run
        place = runs.index(run) + by if run in runs else 0
        if 0 <= place < len(runs):
            self.shared.select(runs[place])
        else:
            self.notify(f"this is the {'last' if by > 0 else 'first'} run of the list", timeout=2, markup=False)

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
