"""Screen 6: two runs side by side: curves, reconstructions, samples, latent planes and settings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.widgets import ContentSwitcher

from core.runs.run import Run
from tui import formatting
from tui.background.polling import Poller, Reader
from tui.messages import Snapshot
from tui.screens.base import ExploreScreen, MakeExplorer, MakeReader
from tui.screens.compare.views import CompareView, CurvesView, DigitsView, LatentView, SamplesView, SettingsView
from tui.screens.dialogs import ChooseRun
from tui.series import SMOOTHING_HINT

if TYPE_CHECKING:
    from core.explorer.protocol import Explorer


VIEWS = ("curves", "digits", "samples", "latent", "settings")


class CompareScreen(ExploreScreen):
    """The run that is shown on the left, another one on the right."""

    TITLE_IN_BAR = "compare"

    CSS = """
    CompareScreen #body, CompareScreen #views, CompareScreen #views > * { height: 1fr; }
    CompareScreen #curves { layout: vertical; }
    CompareScreen #samples, CompareScreen #latent { layout: horizontal; }
    CompareScreen .side { width: 1fr; padding: 0 1 0 0; }
    CompareScreen .run-name { height: 1; width: 100%; text-wrap: nowrap; text-overflow: ellipsis; }
    CompareScreen #parts { height: 1fr; }
    CompareScreen #reconstruction { padding: 0 1 0 0; }
    CompareScreen #table { padding: 0 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("v", "turn(1)", "view", tooltip="the next view (also tab)", id="compare.view"),
        Binding("V", "turn(-1)", "view before", tooltip="the view before", id="compare.back", show=False),
        Binding("tab", "turn(1)", show=False, priority=True),
        Binding("shift+tab", "turn(-1)", show=False, priority=True),
        Binding("o", "choose_other", "other run", tooltip="choose the run to compare with", id="compare.other"),
        Binding("x", "swap", "swap", tooltip="swap left and right", id="compare.swap"),
        Binding("l", "log_scale", "log", tooltip="logarithmic scale on and off", id="compare.log"),
        Binding("m", "smoothing", "smooth", tooltip=SMOOTHING_HINT, id="compare.smooth"),
        Binding("pageup,comma", "page(-1)", "back", tooltip="the digits before", id="compare.page_up", show=False),
        Binding("pagedown,full_stop", "page(1)", "next", tooltip="the next digits", id="compare.next"),
        Binding("s", "sampler", "sampler", tooltip="the next way to draw latents", id="compare.sampler"),
        Binding("r", "reseed", "reseed", tooltip="other digits: the next seed", id="compare.reseed"),
        Binding("p", "projection", "project", tooltip="LDA, PCA, or two latent numbers", id="compare.projection"),
    ]
    VIEW_OF_ACTION: ClassVar[dict[str, str]] = {
        "log_scale": "curves",
        "smoothing": "curves",
        "page": "digits",
        "sampler": "samples",
        "reseed": "samples",
        "projection": "latent",
    }

    @dataclass
    class Snapped(Message):
        """One of the two runs has news."""

        snapshot: Snapshot

    def __init__(
        self,
        make_reader: MakeReader,
        make_explorer: MakeExplorer,
        make_snapshots: Callable[[Run], Reader[Snapshot]],
        other_runs: Callable[[Run], list[Run]],
    ) -> None:
        super().__init__(make_reader, make_explorer)
        self._make_snapshots, self._other_runs = make_snapshots, other_runs
        self.other: Run | None = None
        self._feeds: list[Poller[Snapshot]] = []
        self._snapshots: dict[Run, Snapshot] = {}

    def compose_body(self) -> ComposeResult:
        with Vertical(id="body"), ContentSwitcher(initial=VIEWS[0], id="views"):
            yield CurvesView()
            yield DigitsView()
            yield SamplesView()
            yield LatentView()
            yield SettingsView()

    @property
    def view(self) -> CompareView:
        """The view that is shown."""
        current = self.query_one("#views", ContentSwitcher).current or VIEWS[0]
        return self.query_one(f"#{current}", CompareView)

    # Which runs

    def forget(self) -> None:
        self.other = None
        self._follow_both()

    def _follow_both(self) -> None:
        self._close()
        self._feeds, self._snapshots = [], {}
        if self.selected_run is None or not self.in_sight:
            self.say("waiting for the runs")
            return
        if self.other is None or self.other == self.selected_run:
            self.other = next(iter(self._other_runs(self.selected_run)), None)
        if self.other is None:
            self.say("there is no other run to compare with; n starts one")
            return
        for run in (self.selected_run, self.other):
            reader = self._make_snapshots(run)
            feed = Poller(reader, lambda news: self.post_message(self.Snapped(news)), self._show_trouble)
            self._feeds.append(feed)
            feed.start()
        for view in self.query(CompareView):
            view.say("waiting for the runs")
            view.heading = ""
            view.name_runs(formatting.printable(self.selected_run.name), formatting.printable(self.other.name))
        self._draw_heading()

    def _close(self) -> None:
        for feed in self._feeds:
            feed.close()

    def on_unmount(self) -> None:
        self._close()

    def on_screen_suspend(self) -> None:
        if not self.in_sight:
            for feed in self._feeds:
                feed.pause()

    def on_screen_resume(self) -> None:
        if not self._feeds:
            self._follow_both()
        for feed in self._feeds:
            feed.resume()

    def on_compare_screen_snapped(self, message: Snapped) -> None:
        run = message.snapshot.run
        if run not in (self.selected_run, self.other):
            return
        before = self._snapshots.get(run)
        self._snapshots[run] = message.snapshot
        newer = before is None or before.weights_version != message.snapshot.weights_version
        # Newer weights of the left run are seen by the base class.
        if not self.view.needs_models or (newer and run == self.other):
            self.renew()

    # What is shown

    def say(self, words: str) -> None:
        # What a model lacks does not concern the views that need none.
        concerned = [view for view in self.query(CompareView) if view.needs_models or self.other is None]
        for view in concerned:
            view.say(words)
        if self.view in concerned:
            self.head("compare", words)

    def renew(self) -> None:
        view, run, other = self.view, self.selected_run, self.other
        if run is None or other is None:
            return
        if view.needs_models:
            self._ask_both(view, run, other)
            return
        both = [self._snapshots[each] for each in (run, other) if each in self._snapshots]
        if len(both) == 2:
            view.show_snapshots(both)
            self._draw_heading()

    def _ask_both(self, view: CompareView, run: Run, other: Run) -> None:
        of_both = view.question()

        def question(left: Explorer) -> object:
            return of_both(left, self._make_explorer(other, partial(self._report, run)))

        def show(answer: object) -> None:
            if other == self.other:
                view.show(answer)
                self._draw_heading()

        self.ask(view.name_shown, question, show)

    def _draw_heading(self) -> None:
        if self.selected_run is not None and self.other is not None:
            names = f"{formatting.printable(self.selected_run.name)} and {formatting.printable(self.other.name)}"
            facts = ": ".join(filter(None, (self.view.name_shown, self.view.heading)))
            self.head(names, facts, "v shows more, o another run")

    def write_files(self, folder: Path, stem: str) -> list[Path]:
        if self.selected_run is None or self.other is None:
            return []
        stem = f"{stem}-{self.other.name}-{self.view.name_shown}"
        return self.view.write(folder, stem, (self.selected_run, self.other))

    # What keys do

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        view = self.VIEW_OF_ACTION.get(action)
        return view is None or not self.is_mounted or view == self.view.name_shown

    def action_turn(self, by: int) -> None:
        following = VIEWS[(VIEWS.index(self.view.name_shown) + by) % len(VIEWS)]
        self.query_one("#views", ContentSwitcher).current = following
        self.refresh_bindings()
        self._draw_heading()
        self.call_after_refresh(self.renew)

    def action_choose_other(self) -> None:
        if self.selected_run is None:
            return

        def answered(run: Run | None) -> None:
            if run is not None:
                self.other = run
                self._follow_both()
                self.renew()

        self.app.push_screen(ChooseRun("Compare with", self._other_runs(self.selected_run)), answered)

    def action_swap(self) -> None:
        left, right = self.selected_run, self.other
        if left is not None and right is not None:
            self.vae_tui.selected_run = right  # which forgets the other
            self.other = left
            self._follow_both()

    def action_log_scale(self) -> None:
        self.query_one(CurvesView).switch_log_scale()
        self.renew()

    def action_smoothing(self) -> None:
        self.query_one(CurvesView).next_smoothing()
        self.renew()

    def action_page(self, by: int) -> None:
        self.query_one(DigitsView).turn(by)
        self.renew()

    def action_sampler(self) -> None:
        self.query_one(SamplesView).next_sampler()
        self.renew()

    def action_reseed(self) -> None:
        self.query_one(SamplesView).seed += 1
        self.renew()

    def action_projection(self) -> None:
        self.query_one(LatentView).next_projection()
        self.renew()
