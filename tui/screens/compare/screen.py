"""Screen 6: curves of any number of runs; reconstructions, samples, latent planes, settings and evaluations of two."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.widgets import ContentSwitcher

from core.explorer.protocol import Explorer
from core.runs.run import Run
from core.text import printable
from tui.background.polling import Reader
from tui.messages import Snapshot
from tui.screens.compare.curves import CurvesView
from tui.screens.compare.digits import DigitsView
from tui.screens.compare.evaluation import EvaluationView
from tui.screens.compare.keys import COMPARE_KEYS
from tui.screens.compare.latent import LatentView
from tui.screens.compare.samples import SamplesView
from tui.screens.compare.settings import SettingsView
from tui.screens.compare.view import WAITING, CompareView, MetricsView, ModelsView
from tui.screens.explore_base import ExploreSources
from tui.screens.exporting import Export
from tui.screens.following import is_seen
from tui.screens.moments.others import ComparingScreen
from tui.screens.moments.two_runs import beside, name_at
from tui.screens.selection import Shared
from tui.widgets.gallery import Gallery

VIEWS = ("curves", "digits", "samples", "latent", "settings", "evaluation")


class CompareScreen(ComparingScreen):
    """The run that is shown on the left, another one on the right."""

    ABOUT = "compare: two runs side by side, or the curves of all that are marked"
    TITLE_IN_BAR = "compare"
    AUTO_FOCUS = ""  # Textual's takes the first that can have it, be it out of sight

    CSS = """
    CompareScreen #body, CompareScreen #views, CompareScreen #views > * { height: 1fr; }
    CompareScreen #curves { layout: vertical; }
    CompareScreen #samples, CompareScreen #latent { layout: horizontal; }
    CompareScreen .side { width: 1fr; padding: 0 1 0 0; }
    CompareScreen .run-name { height: 1; width: 100%; text-wrap: nowrap; text-overflow: ellipsis; }
    CompareScreen #parts { height: 1fr; }
    CompareScreen #reconstruction { padding: 0 1 0 0; }
    CompareScreen #table, CompareScreen #figures { padding: 0 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = COMPARE_KEYS
    VIEW_OF_ACTION: ClassVar[dict[str, str]] = {
        "page": "digits",
        "edge": "digits",
        "sampler": "samples",
        "seed": "samples",
        "projection": "latent",
        "fit": "latent",
    }

    def __init__(
        self,
        shared: Shared,
        sources: ExploreSources,
        snapshots: Callable[[Run], Reader[Snapshot]],
        other_runs: Callable[[Run], list[Run]],
    ) -> None:
        super().__init__(shared, sources, other_runs)
        self._open_snapshots = snapshots
        self.other: Run | None = None
        self._swapped = False  # the selected run is on the right
        self._all = [self.add_follower(self._take) for _ in range(2)]  # more as they are needed
        self._other_epoch: float | None = None  # the moment of the other run that is shown; None for now
        self._marked: list[Run] = []  # when this was seen last
        self._snapshots: dict[Run, Snapshot] = {}

    def compose_body(self) -> ComposeResult:
        with Vertical(id="body"), ContentSwitcher(initial=VIEWS[0], id="views"):
            yield CurvesView(self.shared)
            yield DigitsView()
            yield SamplesView()
            yield LatentView()
            yield SettingsView()
            yield EvaluationView()

    @property
    def view(self) -> CompareView:
        """The view that is shown."""
        current = self.query_one("#views", ContentSwitcher).current or VIEWS[0]
        return self.query_one(f"#{current}", CompareView)

    @property
    def goes_through_time(self) -> bool:
        return isinstance(self.view, ModelsView)

    @property
    def topic(self) -> str:
        return self.view.topic_of([self._snapshots[run] for run in self.compared[:2] if run in self._snapshots])

    # Which runs

    def reset(self) -> None:
        self.other, self._swapped = None, False
        self._follow_all()

    @property
    def compared(self) -> list[Run]:
        """The left run, the right one, and whatever else is marked."""
        first = [run for run in (self.selected_run, self.other) if run is not None]
        rest = [run for run in self._marked if run not in first]
        return [*(reversed(first) if self._swapped else first), *rest]

    def _follow_all(self) -> None:
        """Follow the selected run, the other one and those that are marked besides.

        The other one is marked or was chosen, else the first that the selected run can be compared with.
        """
        for follower in self._all:
            follower.close()
        self._snapshots = {}
        if self.selected_run is None or not is_seen(self):
            self.show_message(WAITING)
            return
        if self._marked != self.shared.marked:
            self._marked = list(self.shared.marked)
            self.other = next((run for run in self._marked if run != self.selected_run), self.other)
        if self.other is None or self.other == self.selected_run:
            self.other = next((run for run in self._marked if run != self.selected_run), None)
        if self.other is None:
            self.show_message(WAITING)
            self.look_for_others("first", self._take_first)
            return
        while len(self._all) < len(self.compared):
            self._all.append(self.add_follower(self._take))
        for follower, run in zip(self._all, self.compared, strict=False):
            follower.follow(partial(self._open_snapshots, run))
        self.shared.tell_apart(self.compared)
        names = [printable(run.name) for run in self.compared[:2]]
        for view in self.query(CompareView):
            view.show_message(WAITING)
            view.heading = ""
            view.name_runs(names, [self.shared.place_of(run) for run in self.compared[:2]])
        self._draw_heading()

    def _take_first(self, others: list[Run]) -> None:
        """Compare with the first of these, unless another one was chosen meanwhile."""
        if self.other is None and others:
            self.other = others[0]
            self._follow_all()
            if self.run_update is not None:  # else it is asked for with that
                self.request_content()
        elif self.other is None:
            self.show_message("there is no other run to compare with; n starts one")

    def on_screen_resume(self) -> None:
        self.view.take_focus()
        if self._marked != self.shared.marked or not any(follower.is_open for follower in self._all):
            self._follow_all()

    def _take(self, snapshot: Snapshot) -> None:
        before = self._snapshots.get(snapshot.run)
        self._snapshots[snapshot.run] = snapshot
        newer = before is None or before.weights_version != snapshot.weights_version
        # Newer weights of the selected run are seen by the base class.
        if isinstance(self.view, MetricsView) or (newer and snapshot.run == self.other):
            self.request_content()

    # What is shown

    def show_message(self, message: str) -> None:
        # What a model lacks does not concern the views that need none.
        concerned = [view for view in self.query(CompareView) if isinstance(view, ModelsView) or self.other is None]
        for view in concerned:
            view.show_message(message)
        if self.view in concerned:
            self.set_heading("compare", message)

    def request_content(self) -> None:
        view, run, other = self.view, self.selected_run, self.other
        if run is None or other is None:
            return
        if isinstance(view, ModelsView):
            if not view.size:  # it says so when it has room
                return
            self._ask_both(view, other)
        elif isinstance(view, MetricsView) and {run, other} <= self._snapshots.keys():
            view.show_snapshots([self._snapshots[each] for each in self.compared if each in self._snapshots])
            self._draw_heading()

    def on_compare_view_laid_out(self, message: CompareView.LaidOut) -> None:
        if message.view is self.view:
            self.request_content()

    def _ask_both(self, view: ModelsView[Any], other: Run) -> None:
        swapped = self._swapped

        def show(answer: tuple[object, float | None]) -> None:
            if (other, swapped) == (self.other, self._swapped):
                self._other_epoch = answer[1]
                view.show(answer[0])
                self._draw_heading()

        if question := self.ahead():
            self.ask(view.title, question, show)

    def ahead(self) -> Callable[[Explorer], tuple[object, float | None]] | None:
        view, run, other = self.view, self.selected_run, self.other
        if not isinstance(view, ModelsView) or run is None or other is None:
            return None
        opened = partial(self.sources.explorer, other, self.reporter(run))
        return beside(view.question(), self._swapped, other, opened, self.moments)

    def _name_of(self, run: Run) -> str:
        now, then = self.moment if self.goes_through_time else None, self._other_epoch
        return name_at(run, now.epoch if run == self.selected_run else then) if now else printable(run.name)

    def _draw_heading(self) -> None:
        if self.selected_run is not None and self.other is not None:
            names = " and ".join(map(self._name_of, self.compared[:2]))
            title, rest = self.view.title, len(self.compared) - 2
            counted = f"{len(self.compared) if title == 'curves' else 2} runs"
            names = counted if rest and title == "curves" else names
            left_out = f"without {rest} more that are marked" if rest and title != "curves" else ""
            facts = ": ".join(filter(None, (title, self.view.heading, left_out)))
            self.set_heading(names, facts, "v shows more", "" if title == "digits" or self.moment else counted)

    def to_export(self, run: Run, stem: str) -> Export | None:
        if self.other is None:
            return None
        left, right = self.compared[:2]
        stem = f"{left.name}-{self.TITLE_IN_BAR}-{right.name}-{self.view.title}"
        return self.view.to_export(stem, (left, right))

    # What keys do

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        view = self.VIEW_OF_ACTION.get(action)
        return view is None or not self.is_mounted or view == self.view.title

    def action_turn(self, by: int) -> None:
        following = VIEWS[(VIEWS.index(self.view.title) + by) % len(VIEWS)]
        self.query_one("#views", ContentSwitcher).current = following
        self.stop_playing()
        self._draw_track()
        self.view.take_focus()
        self.refresh_bindings()
        self._draw_heading()
        self.call_after_refresh(self.request_content)

    def compare_with(self, run: Run) -> None:
        self.other = run
        self._follow_all()
        self.request_content()

    def what_runs_do(self, run: Run) -> Iterator[tuple[str, Callable[[], object]]]:
        yield from super().what_runs_do(run)
        if run != self.selected_run:
            yield "compare with", partial(self.compare_with, run)

    def action_swap(self) -> None:
        """What is on the left goes to the right; the selected run stays the selected one."""
        if self.selected_run is not None and self.other is not None:
            self._swapped = not self._swapped
            self._follow_all()
            self.request_content()

    def action_page(self, by: int) -> None:
        self.query_one(DigitsView).turn(by)
        self.request_content()

    def on_gallery_scrolled(self, message: Gallery.Scrolled) -> None:
        if isinstance(self.view, DigitsView):
            self.action_page(message.by)

    def action_edge(self, which: int) -> None:
        self.query_one(DigitsView).go_to_edge(which)
        self.request_content()

    def action_sampler(self) -> None:
        self.query_one(SamplesView).next_sampler()
        self.request_content()

    def action_seed(self, by: int) -> None:
        self.query_one(SamplesView).change_seed(by)
        self.request_content()

    def action_projection(self) -> None:
        self.query_one(LatentView).next_projection()
        self.request_content()

    def action_fit(self) -> None:
        if self.moment is not None:
            self.query_one(LatentView).change_fit()
            self.request_content()
