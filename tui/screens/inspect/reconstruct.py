"""Screen 3: validation images, their reconstructions, and the errors."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
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


NAMES = ("original", "reconstruction", "error")


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
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left,h", "move(-1)", "choose", key_display="←→↑↓", tooltip="choose an image", id="reconstruct.move"),
        Binding("right,l", "move(1)", id="reconstruct.right", show=False),
        Binding("up,k", "move_row(-1)", id="reconstruct.up", show=False),
        Binding("down,j", "move_row(1)", id="reconstruct.down", show=False),
        Binding("pageup,comma", "page(-1)", "back", tooltip="the page before", id="reconstruct.back", show=False),
        Binding("pagedown,full_stop", "page(1)", "next", tooltip="the next page", id="reconstruct.next", show=False),
        Binding("g,home", "edge(0)", "first", tooltip="the first image", id="reconstruct.first", show=False),
        Binding("G,end", "edge(-1)", "last", tooltip="the last image", id="reconstruct.last", show=False),
        Binding("c", "classes", "class", tooltip="keep one class, or all", id="reconstruct.classes"),
        Binding("o", "order", "order", tooltip="worst first, or by index", id="reconstruct.order"),
        Binding(
            "enter",
            "close_up",
            "look",
            key_display="enter",
            tooltip="one image with its latent and samples",
            id="reconstruct.closeup",
        ),
        Binding("b", "sketch", "pencil", tooltip="draw a digit yourself", id="reconstruct.sketch"),
    ]

    def __init__(self, shared: Shared, sources: ExploreSources) -> None:
        super().__init__(shared, sources)
        self.place = 0
        self.label: int | None = None
        self.order: Order = "index"
        self.page: ReconstructionPage | None = None
        # What the newest page was asked for with.
        self._asked: tuple[int, int, int | None, Order] = (0, 1, None, "index")

    def compose_body(self) -> ComposeResult:
        with Vertical(id="body"):
            yield Gallery(at_least=4, captions="beside", message="opening the run", id="page")
            with Horizontal(id="detail"):
                yield Gallery(columns=3, id="large")
                yield Static(id="facts")

    @property
    def _gallery(self) -> Gallery:
        return self.query_one("#page", Gallery)

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
        capacity, label, order = self.capacity, self.label, self.order
        first = self.place // capacity * capacity
        self._asked = asked = (first, capacity, label, order)
        self.ask("page", lambda explorer: explorer.page(*asked), partial(self._show, asked))

    def ahead(self) -> Callable[[Explorer], object]:
        first, capacity, label, order = self._asked
        return lambda explorer: explorer.page(first, capacity, label, order)

    def shot(self) -> Shot:
        from tui import timelapse

        first, _, label, order = self._asked
        return timelapse.of_reconstructions(first, label=label, order=order)

    def room_changed(self) -> None:
        if self.run_update is not None and self.capacity != self._asked[1]:
            self.request_content()

    def reset(self) -> None:
        self.page, self.place = None, 0
        self.order = "index"  # sorting takes seconds, which nobody asked of another run
        self.show_message("opening the run")

    def show_message(self, message: str) -> None:
        self.page = None
        self._gallery.show_message(message)
        self.set_heading()
        self.query_one("#large", Gallery).show_message("")
        self.query_one("#facts", Static).update("")

    def _show(self, asked: object, page: ReconstructionPage) -> None:
        self.page = page
        if asked == self._asked:  # else keys went on meanwhile
            self.place = min(max(self.place, page.first), page.first + len(page.indices) - 1)
        self._draw()

    def _draw(self) -> None:
        page = self.page
        if page is None:
            return
        selected = min(max(self.place - page.first, 0), len(page.indices) - 1)
        tiles = page.stacks()
        if self._stacked > 1:
            self._gallery.show(tiles[:, : self._stacked], formatting.page_captions(page), selected)
        else:
            number, error = formatting.class_number(page.labels[selected], page.classes), page.errors[selected]
            named = f"class {number}" if number else "image"
            self._gallery.show(tiles[selected][:2, None], [named, f"error {error:.1f}"])
        rows = ", ".join(NAMES[: self._stacked]) if self._stacked > 1 else "original, reconstruction"
        self.set_heading(rows, self._which(page), "class, error")
        names = list(NAMES)
        self.query_one("#large", Gallery).show(tiles[selected][:, None], names)
        facts = Text.assemble(
            ("class  ", "dim"), f"{formatting.class_title(page.labels[selected], page.classes) or formatting.NONE}\n",
            ("index  ", "dim"), f"{page.indices[selected]:,}\n",
            ("error  ", "dim"), f"{page.errors[selected]:.2f}\n\n",
            ("enter looks closer", "dim"),
        )  # fmt: skip
        self.query_one("#facts", Static).update(facts)

    def _which(self, page: ReconstructionPage) -> str:
        """Which images a page has, in words."""
        which = "" if self.label is None else f"class {formatting.class_title(self.label, page.classes)}, "
        order = "worst first" if self.order == "worst" else "by index"
        last = page.first + len(page.indices)
        return f"{which}{order}: {page.first + 1:,} to {last:,} of {page.total:,}"

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
            if answer is not None:
                self.label = None if answer == "a" else int(answer)
                self.place = 0
                self.request_content()

        classes = self.page.classes if self.page is not None else DIGITS
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
        page = self.page
        if page is None:
            return

        def closed(place: int | None) -> None:
            if place is not None:
                self._go_to(place)

        label, order = self.label, self.order

        def index_of(explorer: Explorer, place: int) -> int:
            return int(explorer.page(place, 1, label, order).indices[0])

        row = Row(page.total, "validation", index_of)
        self.app.push_screen(ImageDetailScreen(self.shared, self.sources, self.place, row), closed)

    def to_export(self, run: Run, stem: str) -> Export | None:
        if self.page is None:
            return None
        tiles, columns = self.page.stacks(), self._tiling.columns if self._tiling else 1
        title = exporting.title(run, self.moment, f"originals, reconstructions, errors: {self._which(self.page)}")
        page = TilePage(tiles, min(columns, len(tiles)), formatting.page_captions(self.page), title)
        return Export(lambda folder: exporting.write_tiles(folder, stem, page))
