"""What screens that look into a run share: they follow it and ask its explorer off the UI thread."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import ClassVar, TypeVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.geometry import Size
from textual.message import Message
from textual.widgets import Label

from core.errors import UserError, describe
from core.explorer.protocol import Explorer, Report
from core.runs.run import Run
from core.runs.settings import DEFAULT_PRESET, PRESETS, Preset
from tui import formatting
from tui.background.polling import Poller, Reader
from tui.background.tasks import LatestTaskQueue
from tui.messages import RunUpdate
from tui.screens.app_screen import SCREENS
from tui.screens.exporting import ExportingScreen
from tui.terminal.graphics import Graphics
from tui.widgets.bars import KeyLine, TopBar
from tui.widgets.gallery import Gallery

T = TypeVar("T")
MakeReader = Callable[[Run], Reader[RunUpdate]]
MakeExplorer = Callable[[Run, Report], Explorer]


class ExploreScreen(ExportingScreen[int | None]):
    """Looks into the run that the app shows, always through its newest weights."""

    TITLE_IN_BAR: ClassVar[str]

    DEFAULT_CSS = """
    ExploreScreen #line { height: 1; }
    ExploreScreen #heading { width: 1fr; padding: 0 1; text-wrap: nowrap; text-overflow: ellipsis; }
    ExploreScreen #status { width: auto; max-width: 60%; color: $text-warning; text-wrap: nowrap;
        text-overflow: ellipsis; }
    ExploreScreen #none { display: none; width: 100%; height: 1fr; content-align: center middle; text-align: center; }
    ExploreScreen.-norun #none { display: block; }
    ExploreScreen.-norun #body { display: none; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n", "app.new_run", "new", tooltip="fill in the form of a new run", id="explore.new_run", show=False),
    ]

    @dataclass
    class RunUpdated(Message):
        """The state or the weights of the run changed."""

        run_update: RunUpdate

        def can_replace(self, message: Message) -> bool:
            return isinstance(message, ExploreScreen.RunUpdated)

    @dataclass
    class TaskProgress(Message):
        """A task about a run takes long and says what it does, or nothing when all tasks are done."""

        run: Run | None
        words: str

        def can_replace(self, message: Message) -> bool:
            return isinstance(message, ExploreScreen.TaskProgress)

    def __init__(self, make_reader: MakeReader, make_explorer: MakeExplorer) -> None:
        super().__init__()
        self._make_reader, self._make_explorer = make_reader, make_explorer
        self.selected_run: Run | None = None
        self.run_update: RunUpdate | None = None
        self._feed: Poller[RunUpdate] | None = None
        self._tasks: LatestTaskQueue | None = None
        self._size_renewed: Size | None = None
        self._lasting_note = ""

    def compose(self) -> ComposeResult:
        yield TopBar(SCREENS, self.title_in_bar)
        with Horizontal(id="line"):
            yield Label("", id="heading", markup=False)
            yield Label("", id="status", markup=False)
        yield from self.compose_body()
        yield Label("no run is chosen\n\n1 goes to the runs, n starts a new one", id="none")
        yield KeyLine()

    # What a screen must say of itself

    def compose_body(self) -> ComposeResult:
        """The widgets between the bars, in one that has the id `body`."""
        raise LookupError(f"{type(self).__name__} shows nothing")

    def renew(self) -> None:
        """Ask for everything that is shown: there are newer weights, or there is more room."""
        raise LookupError(f"{type(self).__name__} asks for nothing")

    def forget(self) -> None:
        """Drop what is shown of the run before."""

    def say(self, words: str) -> None:
        """Show these words in place of what cannot be shown."""
        raise LookupError(f"{type(self).__name__} cannot say {words}")

    # Following a run

    @property
    def title_in_bar(self) -> str:
        """The screen of the app that this belongs to."""
        return self.TITLE_IN_BAR

    @property
    def exported_name(self) -> str:
        return self.TITLE_IN_BAR

    @property
    def preset(self) -> Preset:
        """That of the run, once it is known."""
        return self.run_update.summary.preset if self.run_update else PRESETS[DEFAULT_PRESET]

    def on_mount(self) -> None:
        app = self.app  # a screen that was closed meanwhile has none

        def crash(error: Exception) -> None:
            def fail() -> None:
                raise error

            app.call_later(fail)

        self._tasks = LatestTaskQueue(crash, lambda: self.post_message(self.TaskProgress(self.selected_run, "")))
        self.watch(self.vae_tui, "graphics_shown", self._use_graphics)
        self.watch(self.vae_tui, "selected_run", self._follow)

    def _use_graphics(self, graphics: Graphics | None) -> None:
        for gallery in self.query(Gallery):
            gallery.graphics = graphics

    def on_unmount(self) -> None:
        if self._feed:
            self._feed.close()
        if self._tasks:
            self._tasks.close()

    def on_screen_suspend(self) -> None:
        if self._feed and not self.in_sight:
            self._feed.pause()

    def on_screen_resume(self) -> None:
        if self._feed:
            self._feed.resume()
        else:
            self._open_feed()

    def _follow(self, run: Run | None) -> None:
        self.set_class(run is None, "-norun")
        if run == self.selected_run:
            return
        if self._feed:
            self._feed.close()
        if self._tasks:
            self._tasks.cancel_pending()
        self.selected_run, self._feed, self.run_update = run, None, None
        self.forget()
        if self.in_sight:  # else when it is looked at: a run may take long to look into
            self._open_feed()

    def _open_feed(self) -> None:
        if self.selected_run is not None:
            reader = self._make_reader(self.selected_run)
            self._feed = Poller(reader, lambda news: self.post_message(self.RunUpdated(news)), self._show_trouble)
            self._feed.start()

    def on_explore_screen_run_updated(self, message: RunUpdated) -> None:
        summary = message.run_update.summary
        if summary.run != self.selected_run:
            return
        before, self.run_update = self.run_update, message.run_update
        self.query_one(TopBar).show_run(formatting.printable(summary.run.name), formatting.state(summary))
        if before is None or before.weights != self.run_update.weights:
            self._renew()

    def on_resize(self) -> None:
        # A screen that comes back is told its size again.
        if self.run_update is not None and self.size != self._size_renewed:
            self.call_after_refresh(self._renew)

    def _renew(self) -> None:
        self._size_renewed = self.size
        self.renew()

    # Asking

    def ask(
        self,
        kind: str,
        question: Callable[[Explorer], T],
        show: Callable[[T], object],
        report: Report | None = None,
    ) -> None:
        """Show the answer to a question about the run; of each kind only the newest question counts.

        What takes long is shown on this screen, or told to `report`.
        """
        run = self.selected_run
        if run is not None and self._tasks is not None:
            self._tasks.submit(kind, lambda: self._answer(run, question, show, report or partial(self._report, run)))

    def _answer(self, run: Run, question: Callable[[Explorer], T], show: Callable[[T], object], report: Report) -> None:
        """In the thread of the tasks."""
        try:
            explorer = self._make_explorer(run, report)
            answer = question(explorer)
        except (UserError, OSError) as error:
            self.call_later(self._deliver, run, self.say, describe(error))
        else:
            self.call_later(self._deliver, run, show, answer, explorer.note)

    def _report(self, run: Run, words: str) -> None:
        """In the thread of the tasks."""
        self.post_message(self.TaskProgress(run, words))

    def _deliver(self, run: Run, show: Callable[[T], object], answer: T, note: str = "") -> None:
        if run == self.selected_run:
            self._lasting_note = note
            self._note(note)
            show(answer)

    def on_explore_screen_task_progress(self, message: TaskProgress) -> None:
        if message.run == self.selected_run:
            self._note(message.words or self._lasting_note)

    def head(self, bold: str = "", rest: str = "", hint: str = "") -> None:
        """Put this into the line below the bar on top."""
        self.query_one("#heading", Label).update(
            Text.assemble((bold, "bold"), f"  {rest}", (hint and f"   {hint}", "dim"))
        )

    def _note(self, text: str) -> None:
        self.query_one("#status", Label).update(text and f" {text} ")

    def _show_trouble(self, error: OSError) -> None:
        self.notify(describe(error), severity="error", markup=False)


class DetailScreen(ExploreScreen):
    """Looks at something of one run and closes when the app turns to another."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "back", tooltip="back to where this was opened", id="explore.back"),
    ]

    def _follow(self, run: Run | None) -> None:
        if self.selected_run is None or run == self.selected_run:
            super()._follow(run)

    def on_screen_resume(self) -> None:
        if self.vae_tui.selected_run != self.selected_run:
            self.call_later(self._leave)

    def _leave(self) -> None:
        if self.is_active:  # dismissing takes away whichever screen is on top
            self.dismiss(None)

    def action_back(self) -> None:
        self.dismiss(None)
