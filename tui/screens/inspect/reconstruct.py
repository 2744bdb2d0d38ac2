"""Screen 3: validation images, their reconstructions, and the errors."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Static

from core.runs.run import Run
from core.shapes import IMAGE_SHAPE
from tui import formatting
from tui.drawing.tiles import Tiling
from tui.panels import TilePage
from tui.screens import exporting
from tui.screens.dialogs import DIGITS, UNLABELLED, ask_class
from tui.screens.explore_base import ExploreSources
from tui.screens.exporting import Export
from tui.screens.help.formulas import for_run
from tui.screens.inspect.image import ImageDetailScreen, Row
from tui.screens.inspect.keys import RECONSTRUCT_KEYS
from tui.screens.moments.screen import TimeScreen
from tui.screens.selection import Shared
from tui.screens.sketch.screen import SketchScreen
from tui.widgets.gallery import Gallery

if TYPE_CHECKING:
    from collections.abc import Callable

    from core.explorer.protocol import Explorer
    from core.explorer.results import ReconstructionPage
    from core.latents.options import Order
    from tui.timelapse import Shot


ORDERS: dict[Order, str] = {"index": "by index", "worst": "worst first"}
NAMES = ("original", "reconstruction", "error")


@dataclass(frozen=True)
class Which:
    """Which images are asked for: so many from a place on, of one class or all, in an order."""

    first: int = 0
    count: int = 1
    label: int | None = None
    order: Order = "index"

    def page(self, explorer: Explorer) -> ReconstructionPage:
        """They and their reconstructions."""
        return explorer.page(self.first, self.count, self.label, self.order)


@dataclass(frozen=True, eq=False)
class Seen:
    """A page, and what it was asked for with."""

    which: Which
    page: ReconstructionPage

    def __str__(self) -> str:
        page, label = self.page, self.which.label
        of_class = "" if label is None else f"{self._named(label)}, "
        last = page.first + len(page.indices)
        return f"{of_class}{ORDERS[self.which.order]}: {page.first + 1:,} to {last:,} of {page.total:,}"

    def differences(self, wanted: Which) -> str:
        """What tells it from another page that is wanted, such as `class 7, worst first`; places do not."""
        of_class = self._named(wanted.label) if wanted.label != self.which.label else ""
        return ", ".join(filter(None, (of_class, ORDERS[wanted.order] if wanted.order != self.which.order else "")))

    def _named(self, label: int | None) -> str:
        return "all classes" if label is None else f"class {formatting.class_title(label, self.page.classes)}"


class ReconstructScreen(TimeScreen):
    """Pages of images: the original above, its reconstruction, the error at the bottom."""

    ABOUT = "reconstruct: validation images above, their reconstructions, the errors"
    TITLE_IN_BAR = "reconstruct"

    CSS = """
    ReconstructScreen #body { height: 1fr; }
    ReconstructScreen #detail { display: none; height: 15; }
    ReconstructScreen.-tall #detail { display: block; }
    ReconstructScreen #large { width: 86; }
    ReconstructScreen #facts { width: 1fr; padding: 1 2; }
    """
    VERTICAL_BREAKPOINTS = [(0, "-short"), (38, "-tall")]
    BINDINGS: ClassVar[list[BindingType]] = RECONSTRUCT_KEYS

    def __init__(self, shared: Shared, sources: ExploreSources) -> None:
        super().__init__(shared, sources)
        self.place = 0
        self.label: int | None = None
        self.order: Order = "index"
        self.seen: Seen | None = None
        self._asked = Which()  # for the newest page
        self._class_names: tuple[str, ...] | None = None  # those known last; of this run, or of the one before it
        self._knows_class_names = False  # whether they are those of this run

    def compose_body(self) -> ComposeResult:
        with Vertical(id="body"):
            yield Gallery(at_least=4, captions="beside", message="opening the run", id="page")
            with Horizontal(id="detail"):
                yield Gallery(columns=3, id="large")
                yield Static(id="facts", markup=False)

    @property
    def _gallery(self) -> Gallery:
        return self.query_one("#page", Gallery)

    @property
    def page(self) -> ReconstructionPage | None:
        """That which is seen."""
        return self.seen.page if self.seen else None

    @property
    def topic(self) -> str:
        return for_run("error", self._config)

    # What is shown

    @property
    def _stacked(self) -> int:
        """How many images stand above each other: the error gives way first, then one image fills the page."""
        return next((count for count in (3, 2) if self._gallery.tiling((count, *IMAGE_SHAPE))), 1)

    @property
    def _tiling(self) -> Tiling | None:
        return self._gallery.tiling((self._stacked, *IMAGE_SHAPE)) if self._stacked > 1 else None

    @property
    def capacity(self) -> int:
        """How many images make a page."""
        return self._tiling.capacity if self._tiling else 1

    def request_content(self) -> None:
        capacity = self.capacity
        self._asked = asked = Which(self.place // capacity * capacity, capacity, self.label, self.order)
        following = self.seen.differences(asked) if self.seen else ""
        self.wait_for(following and f"next: {following}")
        before = None if self._knows_class_names else self._class_names

        def question(explorer: Explorer) -> Seen:
            if asked.label is not None and before is not None and Which().page(explorer).classes != before:
                every = replace(asked, label=None)  # the class was chosen among those of another run
                return Seen(every, every.page(explorer))
            return Seen(asked, asked.page(explorer))

        self.ask("page", question, partial(self._show, asked))

    def ahead(self) -> Callable[[Explorer], object]:
        return self._asked.page

    def shot(self) -> Shot:
        from tui import timelapse

        return timelapse.of_reconstructions(self._asked.first, label=self._asked.label, order=self._asked.order)

    def room_changed(self) -> None:
        if self.run_update is not None and self.capacity != self._asked.count:
            self.request_content()

    def reset(self) -> None:
        self.seen, self.place, self._knows_class_names = None, 0, False
        self.order = "index"  # sorting takes seconds, which nobody asked of another run
        self.show_message("opening the run")

    def show_message(self, message: str) -> None:
        self.seen = None
        self.wait_for("")
        self._gallery.show_message(message)
        self.set_heading()
        self.query_one("#large", Gallery).show_message("")
        self.query_one("#facts", Static).update("")

    def _show(self, asked: Which, seen: Seen) -> None:
        self.seen, page = seen, seen.page
        self._class_names, self._knows_class_names = page.classes, True
        if asked == self._asked:  # else keys went on meanwhile
            self._asked, self.label = seen.which, seen.which.label
            self.wait_for("")
            self.place = min(max(self.place, page.first), page.first + len(page.indices) - 1)
        self._draw()

    def _draw(self) -> None:
        if self.seen is None:
            return
        page = self.seen.page
        selected = min(max(self.place - page.first, 0), len(page.indices) - 1)
        tiles = page.stacks()
        if self._stacked > 1:
            self._gallery.show(tiles[:, : self._stacked], formatting.page_captions(page), selected)
        else:
            number, error = formatting.class_number(page.labels[selected], page.classes), page.errors[selected]
            named = f"class {number}" if number else "image"
            self._gallery.show(tiles[selected][:2, None], [named, f"error {error:.1f}"])
        rows = ", ".join(NAMES[: self._stacked]) if self._stacked > 1 else "original, reconstruction"
        self.set_heading(rows, str(self.seen), "class, error")
        self.query_one("#large", Gallery).show(tiles[selected][:, None], NAMES)
        facts = Text.assemble(
            ("class  ", "dim"), f"{formatting.class_title(page.labels[selected], page.classes) or formatting.NONE}\n",
            ("index  ", "dim"), f"{page.indices[selected]:,}\n",
            ("error  ", "dim"), f"{page.errors[selected]:.2f}\n\n",
            ("enter looks closer", "dim"),
        )  # fmt: skip
        self.query_one("#facts", Static).update(facts)

    # What keys do

    def action_move(self, by: int) -> None:
        if self.page is not None:
            self._go_to(self.place + by)

    def action_move_row(self, by: int) -> None:
        if self.page is not None:
            self._go_to(self.place + by * (self._tiling.columns if self._tiling else 1))

    def action_page(self, by: int) -> None:
        if self.page is not None:
            self._go_to(self.place + by * self.capacity)

    def action_edge(self, which: int) -> None:
        if self.page is not None:
            self._go_to(which % self.page.total)

    def _go_to(self, place: int) -> None:
        page = self.page
        if page is None:
            return
        self.place = min(max(place, 0), page.total - 1)
        if page.first <= self.place < page.first + len(page.indices):
            self._draw()
        else:
            self.request_content()

    def on_gallery_clicked(self, message: Gallery.Clicked) -> None:
        if self.page is None or message.gallery.id != "page":
            return
        if self._stacked == 1 or self.page.first + message.index == self.place:
            self.action_close_up()
        else:
            self._go_to(self.page.first + message.index)

    def on_gallery_scrolled(self, message: Gallery.Scrolled) -> None:
        if message.gallery.id == "page":
            self.action_page(message.by)

    def action_classes(self) -> None:
        def answered(answer: str | None) -> None:
            if answer is not None and self._class_names in (None, classes):  # and not those of another run by now
                self.label, self.place = None if answer == "a" else int(answer), 0
                self.request_content()

        classes = DIGITS if self._class_names is None else self._class_names
        if classes:
            self.app.push_screen(ask_class("Show which class?", "all classes", classes), answered)
        else:
            self.notify(UNLABELLED)

    def action_order(self) -> None:
        self.order = "index" if self.order == "worst" else "worst"
        self.place = 0
        self.request_content()

    def action_sketch(self) -> None:
        self.app.push_screen(SketchScreen(self.shared, self.sources, self.title_in_bar))

    def action_close_up(self) -> None:
        self.answers.when_newest("page", self._close_up)

    def _close_up(self) -> None:
        if self.seen is None:
            return
        which = self.seen.which

        def closed(place: int | None) -> None:
            if place is not None:
                self._go_to(place)

        def index_of(explorer: Explorer, place: int) -> int:
            return int(replace(which, first=place, count=1).page(explorer).indices[0])

        row = Row(self.seen.page.total, "validation", index_of)
        self.app.push_screen(ImageDetailScreen(self.shared, self.sources, self.place, row), closed)

    def to_export(self, run: Run, stem: str) -> Export | None:
        if self.seen is None:
            return None
        tiles, columns = self.seen.page.stacks(), self._tiling.columns if self._tiling else 1
        title = exporting.title(run, self.seen_moment, f"originals, reconstructions, errors: {self.seen}")
        page = TilePage(tiles, min(columns, len(tiles)), formatting.page_captions(self.seen.page), title)
        return Export(lambda folder: exporting.write_tiles(folder, stem, page))
