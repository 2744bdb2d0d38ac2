"""Screen 6: two runs side by side: curves, reconstructions, samples, latent planes and settings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal, TypeVar, get_args

import numpy as np
from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.message import Message
from textual.widgets import ContentSwitcher, Label, Static

from core.choices import PROJECTIONS, SAMPLERS, PlaneChoice, default_sampler
from core.run import Run, RunError
from tui import curves, export, wording
from tui.comparison import COLORS, common_range, overlaid, settings
from tui.feed import Feed, Reader, Snapshot
from tui.screens.dialogs import ChooseRun
from tui.screens.explore_screen import ExploreScreen, MakeExplorer, MakeReader
from tui.screens.latent import title, write_plane
from tui.widgets.gallery import Gallery
from tui.widgets.plot import Plot
from tui.widgets.scatter import Scatter
from tui.widgets.view import home_view

if TYPE_CHECKING:
    from core.explorer import Explorer, Images, Page, Plane, Samples

T = TypeVar("T")

View = Literal["curves", "digits", "samples", "latent", "settings"]
VIEWS: tuple[View, ...] = get_args(View)
# Original, left, right; where there is room, the errors of both below.
STACK, TALL_STACK = (3, 28, 28), (5, 28, 28)
TALL = 36
SIDES = ("left", "right")
SAMPLE_COUNT, SAMPLE_COLUMNS = 16, 4


@dataclass(frozen=True, eq=False)
class Rebuilt:
    """A page of the left run's validation images, and what the right run makes of the same."""

    page: Page
    other: Images
    other_errors: list[float]


class CompareScreen(ExploreScreen):
    """The run that is shown on the left, another one on the right."""

    TITLE_IN_BAR = "compare"

    CSS = """
    CompareScreen #body { height: 1fr; }
    CompareScreen #views { height: 1fr; }
    CompareScreen #views > * { height: 1fr; }
    CompareScreen .side { width: 1fr; }
    CompareScreen #right-side { padding: 0 0 0 1; }
    CompareScreen .name { height: 1; width: 100%; text-wrap: nowrap; text-overflow: ellipsis; }
    CompareScreen #parts { height: 1fr; }
    CompareScreen #settings { padding: 0 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("v,tab", "turn(1)", "view", key_display="v", tooltip="the next view", id="compare.view", priority=True),
        Binding("V,shift+tab", "turn(-1)", "view before", show=False, id="compare.back", priority=True),
        Binding("o", "choose_other", "other run", tooltip="choose the run to compare with", id="compare.other"),
        Binding("x", "swap", "swap", tooltip="swap left and right", id="compare.swap"),
        Binding("l", "log_scale", "log", tooltip="logarithmic scale on and off", id="compare.log"),
        Binding("m", "smoothing", "smooth", tooltip="smooth the curves over 10 or 100 points", id="compare.smooth"),
        Binding("pageup,comma", "page(-1)", "back", tooltip="the digits before", id="compare.page_up", show=False),
        Binding("pagedown,full_stop", "page(1)", "next", tooltip="the next digits", id="compare.next"),
        Binding("s", "sampler", "sampler", tooltip="the next way to draw latents", id="compare.sampler"),
        Binding("r", "reseed", "reseed", tooltip="other digits: the next seed", id="compare.reseed"),
        Binding("p", "projection", "project", tooltip="LDA, PCA, or two latent numbers", id="compare.projection"),
    ]
    KEYS_OF: ClassVar[dict[str, View]] = {
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
        self.view: View = "curves"
        self.log_scale = False
        self.smoothing = 0
        self.first = 0
        self.sampler: str | None = None
        self.seed = 0
        self.choice = PlaneChoice()
        self._feeds: list[Feed[Snapshot]] = []
        self._snapshots: dict[Run, Snapshot] = {}
        self._rebuilt: Rebuilt | None = None
        self._samples: tuple[Samples, Samples] | None = None
        self._planes: tuple[Plane, Plane] | None = None

    def compose_body(self) -> ComposeResult:
        with Vertical(id="body"), ContentSwitcher(initial="curves", id="views"):
            with Vertical(id="curves"):
                yield Plot(curves.PARTS["loss"], id="loss")
                with Horizontal(id="parts"):
                    yield Plot(curves.PARTS["reconstruction"], id="reconstruction")
                    yield Plot(curves.PARTS["kl"], id="kl")
            yield Gallery(at_least=4, message="waiting for the runs", id="digits")
            yield from self._sides("samples", lambda: Gallery(at_least=SAMPLE_COUNT, columns=4, captions="none"))
            yield from self._sides("latent", lambda: Scatter(message="waiting for the runs"))
            with VerticalScroll(id="settings"):
                yield Static(id="table")

    def _sides(self, view: View, make: Callable[[], Gallery | Scatter]) -> ComposeResult:
        with Horizontal(id=view):
            for side in SIDES:
                with Vertical(classes="side", id=f"{side}-side" if view == "latent" else None):
                    yield Label("", classes=f"name {side}", markup=False)
                    yield make()

    # Which runs

    def forget(self) -> None:
        self.other = None
        self._follow_both()

    def _follow_both(self) -> None:
        for feed in self._feeds:
            feed.close()
        self._feeds, self._snapshots = [], {}
        self._rebuilt = self._samples = self._planes = None
        self.first = 0
        if self.run_shown is None:
            return
        if self.other is None or self.other == self.run_shown:
            self.other = next(iter(self._other_runs(self.run_shown)), None)
        if self.other is None:
            self.say("there is no other run to compare with; n starts one")
            return
        for run in (self.run_shown, self.other):
            reader = self._make_snapshots(run)
            feed = Feed(reader, lambda news: self.post_message(self.Snapped(news)), self._show_trouble)
            self._feeds.append(feed)
            feed.start()
        self._draw_names()

    def on_unmount(self) -> None:
        for feed in self._feeds:
            feed.close()

    def on_screen_suspend(self) -> None:
        for feed in self._feeds:
            feed.rest()

    def on_screen_resume(self) -> None:
        for feed in self._feeds:
            feed.go_on()

    def on_compare_screen_snapped(self, message: Snapped) -> None:
        run = message.snapshot.run
        if run not in (self.run_shown, self.other):
            return
        before = self._snapshots.get(run)
        self._snapshots[run] = message.snapshot
        newer = before is None or before.weights_changed != message.snapshot.weights_changed
        # Newer weights of the left run are seen by the base class.
        if self.view in ("curves", "settings") or (newer and run == self.other):
            self.renew()

    @property
    def _both(self) -> list[Snapshot]:
        """The newest of both runs, left first; fewer while they are being read."""
        return [self._snapshots[run] for run in (self.run_shown, self.other) if run in self._snapshots]

    # What is shown

    def say(self, words: str) -> None:
        self.head("compare", words)
        self.query_one("#digits", Gallery).say(words)
        for gallery in self.query("#samples Gallery").results(Gallery):
            gallery.say(words)
        for scatter in self.query("#latent Scatter").results(Scatter):
            scatter.show_message(words)

    def renew(self) -> None:
        if self.other is None:
            return
        match self.view:
            case "curves":
                self._draw_curves()
            case "settings":
                self._draw_settings()
            case "digits":
                tiling = self.query_one("#digits", Gallery).tiling(self._stack)
                first, count = self.first, tiling.capacity if tiling else 1
                self._ask_both(lambda left, right: rebuild(left, right, first, count), self._show_digits)
            case "samples":
                seed, sampler = self.seed, self.sampler
                self._ask_both(
                    lambda left, right: (draw_samples(left, sampler, seed), draw_samples(right, sampler, seed)),
                    self._show_samples,
                )
            case "latent":
                choice = self.choice
                self._ask_both(lambda left, right: (left.plane(choice), right.plane(choice)), self._show_planes)

    @property
    def _stack(self) -> tuple[int, int, int]:
        return TALL_STACK if self.query_one("#digits", Gallery).size.height >= TALL else STACK

    def _ask_both(self, question: Callable[[Explorer, Explorer], T], show: Callable[[T], object]) -> None:
        other = self.other

        def ask(left: Explorer) -> tuple[Run, T]:
            assert other is not None
            right = self._make_explorer(other)
            for run in (left.run, right.run):
                if not run.weights_changed():
                    raise RunError(f"{run.name} has no weights yet: the trainer saves them soon after it starts")
            return other, question(left, right)

        def deliver(answer: tuple[Run, T]) -> None:
            if answer[0] == self.other:
                show(answer[1])

        self.ask(self.view, ask, deliver)

    def _draw_names(self) -> None:
        for side, run, color in zip(SIDES, (self.run_shown, self.other), COLORS, strict=True):
            name = wording.printable(run.name) if run else ""
            for label in self.query(f".{side}").results(Label):
                label.update(Text(name, f"bold rgb({color[0]},{color[1]},{color[2]})"))
        self._head("")

    def _head(self, rest: str) -> None:
        if self.run_shown is not None and self.other is not None:
            names = f"{wording.printable(self.run_shown.name)} and {wording.printable(self.other.name)}"
            self.head(names, ": ".join(filter(None, (self.view, rest))), "v shows more, o another run")

    def _draw_curves(self) -> None:
        both = self._both
        if len(both) < 2:
            return
        self._head("")
        unit = curves.axis(both[0]).label
        for part in curves.PARTS:
            drawn = overlaid(both, part, curves.SMOOTHING[self.smoothing])
            plot = self.query_one(f"#{part}", Plot)
            plot.show(drawn, x_range=common_range(both), log_scale=self.log_scale, x_label=unit)

    def _draw_settings(self) -> None:
        both = self._both
        if len(both) < 2:
            return
        rows = settings(both[0].summary, both[1].summary)
        self._head(f"{sum(row.differs for row in rows)} of {len(rows)} differ")
        table = Table("", "", *(wording.printable(snapshot.run.name) for snapshot in both), box=None)
        for row in rows:
            table.add_row(
                "≠" if row.differs else "", row.name, row.left, row.right, style=None if row.differs else "dim"
            )
        self.query_one("#table", Static).update(table)

    def _show_digits(self, rebuilt: Rebuilt) -> None:
        self._rebuilt = rebuilt
        page = rebuilt.page
        images = [page.originals, page.reconstructions, rebuilt.other]
        if self._stack == TALL_STACK:
            images += [np.abs(image - page.originals) for image in images[1:]]
        tiles = np.stack(images, axis=1)
        pairs = zip(page.errors.tolist(), rebuilt.other_errors, strict=True)
        self.query_one("#digits", Gallery).show(tiles, [f"{left:.1f}  {right:.1f}" for left, right in pairs])
        self._head("original, left, right" + (", their errors" if self._stack == TALL_STACK else ""))

    def _show_samples(self, both: tuple[Samples, Samples]) -> None:
        self._samples = both
        for gallery, samples in zip(self.query("#samples Gallery").results(Gallery), both, strict=True):
            gallery.show(samples.images[:, None])
        names = [self._sampler_of(snapshot) for snapshot in self._both]
        self._head(f"{' and '.join(dict.fromkeys(names))}, seed {self.seed}")

    def _sampler_of(self, snapshot: Snapshot) -> str:
        config = snapshot.summary.config
        return SAMPLERS[self.sampler or default_sampler(config.preset if config else "vae")]

    def _show_planes(self, planes: tuple[Plane, Plane]) -> None:
        self._planes = planes
        home = home_view(np.concatenate([plane.points for plane in planes]))
        for scatter, plane in zip(self.query("#latent Scatter").results(Scatter), planes, strict=True):
            x_label, y_label = plane.projection.axes
            scatter.show(plane.points, plane.labels, x_label=x_label, y_label=y_label, home=home)
        names, facts = zip(*map(title, planes), strict=True)
        self._head(f"{names[0]}, {' | '.join(fact.partition(', explains')[0] for fact in facts)}")

    # What keys do

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        view = self.KEYS_OF.get(action)
        return view in (None, self.view)

    def action_turn(self, by: int) -> None:
        self.view = VIEWS[(VIEWS.index(self.view) + by) % len(VIEWS)]
        self.query_one("#views", ContentSwitcher).current = self.view
        self.refresh_bindings()
        self._head("")
        self.call_after_refresh(self.renew)

    def action_choose_other(self) -> None:
        if self.run_shown is None:
            return

        def answered(run: Run | None) -> None:
            if run is not None:
                self.other = run
                self._follow_both()
                self.renew()

        self.app.push_screen(ChooseRun("Compare with", self._other_runs(self.run_shown)), answered)

    def action_swap(self) -> None:
        if self.other is None:
            return
        left, right = self.run_shown, self.other
        self.vae_tui.run_shown = right
        self.other = left
        self._follow_both()

    def action_log_scale(self) -> None:
        self.log_scale = not self.log_scale
        self.renew()

    def action_smoothing(self) -> None:
        self.smoothing = (self.smoothing + 1) % len(curves.SMOOTHING)
        self.renew()

    def action_page(self, by: int) -> None:
        if self._rebuilt is not None:
            shown, total = len(self._rebuilt.page.indices), self._rebuilt.page.total
            self.first = min(max(self._rebuilt.page.first + by * shown, 0), max(total - shown, 0))
            self.renew()

    def action_sampler(self) -> None:
        names = [None, *SAMPLERS]  # None: for each run the one that suits it
        self.sampler = names[(names.index(self.sampler) + 1) % len(names)]
        self.renew()

    def action_reseed(self) -> None:
        self.seed += 1
        self.renew()

    def action_projection(self) -> None:
        names = list(PROJECTIONS)
        self.choice = PlaneChoice(names[(names.index(self.choice.projection) + 1) % len(names)])
        self.renew()

    def write_files(self, folder: Path, stem: str) -> list[Path]:
        if self.other is None:
            return []
        path = export.unused_path(folder, f"{stem}-{self.other.name}-{self.view}", ".png")
        match self.view:
            case "curves" if len(self._both) == 2:
                drawn = {part: overlaid(self._both, part, curves.SMOOTHING[self.smoothing]) for part in curves.PARTS}
                unit = curves.axis(self._both[0]).label
                return curves.write(folder, f"{stem}-{self.other.name}-curves", drawn, unit, self.log_scale)
            case "digits" if self._rebuilt:
                page = self._rebuilt.page
                images = np.concatenate([page.originals, page.reconstructions, self._rebuilt.other])
                export.save_picture(path, images, len(page.originals))
            case "samples" if self._samples:
                rows = [samples.images.reshape(-1, SAMPLE_COLUMNS, 28, 28) for samples in self._samples]
                export.save_picture(path, np.concatenate(rows, axis=1).reshape(-1, 28, 28), 2 * SAMPLE_COLUMNS)
            case "latent" if self._planes and self.run_shown:
                files = []
                for run, plane in zip((self.run_shown, self.other), self._planes, strict=True):
                    files += write_plane(plane, partial(export.unused_path, folder, f"{run.name}-latent"))
                return files
            case "settings" if len(self._both) == 2:
                table = settings(self._both[0].summary, self._both[1].summary)
                path = path.with_suffix(".csv")
                columns = {"setting": [row.name for row in table], "left": [row.left for row in table]}
                export.save_table(path, columns | {"right": [row.right for row in table]})
            case _:
                return []
        return [path]


def rebuild(left: Explorer, right: Explorer, first: int, count: int) -> Rebuilt:
    """Validation images of the left run as both reconstruct them."""
    page = left.page(first, count)
    images = right.reconstruct(page.originals)
    return Rebuilt(page, images, ((images - page.originals) ** 2).sum(axis=(1, 2)).tolist())


def draw_samples(explorer: Explorer, sampler: str | None, seed: int) -> Samples:
    """Samples of a run, with the sampler that suits it unless one is named."""
    return explorer.samples(sampler or default_sampler(explorer.run.config().preset), SAMPLE_COUNT, seed)
