"""A screen on which samples stand in a grid: one of them is chosen, two are marked, to walk between."""

from __future__ import annotations

from functools import partial

from textual.app import ComposeResult
from textual.containers import Vertical

from core.latents.options import GRID, grid_shape
from core.runs.run import Run
from core.shapes import IMAGE_SHAPE
from tui.drawing.tiles import Tiling, largest_square
from tui.panels import TilePage
from tui.screens import exporting
from tui.screens.explore_base import ExploreSources
from tui.screens.exporting import Export
from tui.screens.inspect.path import LatentPathScreen
from tui.screens.inspect.sampling.cursor import TileCursor
from tui.screens.inspect.sampling.draws import DrawnScreen
from tui.screens.selection import Shared
from tui.widgets.gallery import Gallery

ROWS, COLUMNS = 4, 8
COUNT = ROWS * COLUMNS
TILE = (1, *IMAGE_SHAPE)
SIZES: tuple[tuple[int, int | None], ...] = ((2, None), (8, None), (COUNT, COLUMNS))  # digits at least, and columns


class ChoosingScreen(TileCursor, DrawnScreen):
    """Shows what was drawn as digits of several sizes, with a cursor that arrows and the mouse move."""

    def __init__(self, shared: Shared, sources: ExploreSources) -> None:
        super().__init__(shared, sources)
        self.count = COUNT  # of the digits that were asked for last
        self.size_place = len(SIZES) - 1
        self.marks: tuple[int, ...] = ()  # the last two digits that were marked

    def compose_body(self) -> ComposeResult:
        with Vertical(id="body"):
            yield Gallery(at_least=COUNT, columns=COLUMNS, message="opening the run", id="grid")

    @property
    def _gallery(self) -> Gallery:
        return self.query_one("#grid", Gallery)

    # What is shown

    def fit_count(self, sampler: str) -> None:
        """How many digits to ask for: of a grid as many rows as columns, at the smallest size all there is room for."""
        count = COUNT
        if sampler == GRID:
            side = largest_square(TILE, *self._gallery.size) >> (len(SIZES) - 1 - self.size_place)
            count = max(1, side) ** 2
        if count != self.count:
            self.count, self.marks = count, ()

    @property
    def _tiling(self) -> Tiling | None:
        return self._gallery.tiling(TILE)

    @property
    def choosable(self) -> range:
        count, tiling = self.drawn.draw.count if self.drawn else self.count, self._tiling
        return range(min(count, tiling.capacity) if tiling else 0)

    def show_message(self, message: str) -> None:
        self.forget()
        self._gallery.show_message(message)
        self.set_heading()

    def _draw(self) -> None:
        if self.drawn is None:
            return
        gallery, draw = self._gallery, self.drawn.draw
        gallery.at_least, gallery.columns = SIZES[self.size_place]
        if draw.sampler == GRID:
            gallery.at_least, gallery.columns = draw.count, grid_shape(draw.count)[1]
        tiling = self._tiling
        self.chosen = min(self.chosen, max(0, len(self.choosable) - 1))
        images = self.drawn.samples.images[:, None].copy()
        captions = ["marked" if place in self.marks else "" for place in range(len(images))]
        if not self.drawn.is_last:  # all of them would be too much for a slow connection
            images[tiling.columns if tiling else COLUMNS :] = 0
        gallery.show(images, captions, self.chosen)
        self._draw_heading()

    def _draw_heading(self) -> None:
        shown, count = len(self.choosable), self.drawn.draw.count if self.drawn else self.count
        what = "samples" if shown == count else f"{shown} of {count}"
        if self.drawn is not None and not self.drawn.is_last and self._tiling and self._tiling.columns < shown:
            what = f"the first {self._tiling.columns} of {count}"
        said, brief = (str(self.drawn), self.drawn.brief) if self.drawn else ("", "")
        if self.drawn is not None and self.drawn.draw.sampler == GRID:
            rows, columns = grid_shape(count)
            what = f"{columns}x{rows} {what}"
            place = "(z0, z1) = ({:.2f}, {:.2f})".format(*self.drawn.samples.latents[self.chosen])
            said, brief = f"{said}; chosen {place}", f"{place}; {brief}"
        there = "t walks from the marked digit to the chosen one"
        walk = there if self._start(self.chosen) is not None else "t on another digit walks from here to it"
        walk = walk if self.marks else ""
        self.set_heading(what, said, walk, brief=brief)

    # What keys do

    def on_gallery_scrolled(self, message: Gallery.Scrolled) -> None:
        self.action_size(-message.by)

    def action_size(self, larger: int) -> None:
        self._show_at(min(max(self.size_place - larger, 0), len(SIZES) - 1))

    def action_whole(self) -> None:
        self._show_at(len(SIZES) - 1)

    def _show_at(self, place: int) -> None:
        if place == self.size_place:
            return
        self.size_place = place
        if self.wanted.sampler == GRID:
            self.request_content()
        else:
            self._draw()

    def action_walk(self) -> None:
        self.when_shown(partial(self._walk, self.chosen))

    def _walk(self, place: int) -> None:
        if self.samples is None:
            return
        latents, start = self.samples.latents, self._start(place)
        first, end = (place, None) if start is None else (start, latents[place])
        self.app.push_screen(LatentPathScreen(self.shared, self.sources, latents[first], end))

    def _start(self, end: int) -> int | None:
        """Where a walk to that digit begins: at the one that was marked last, besides itself."""
        return next((place for place in reversed(self.marks) if place != end), None)

    def action_mark(self) -> None:
        self.when_shown(partial(self._mark, self.chosen))

    def _mark(self, place: int) -> None:
        rest = tuple(mark for mark in self.marks if mark != place)
        self.marks = rest if place in self.marks else (*rest[-1:], place)
        self._draw()

    def to_export(self, run: Run, stem: str) -> Export | None:
        tiling = self._tiling
        if self.drawn is None or tiling is None:
            return None
        draw = self.drawn.draw
        stem += f"-{draw.sampler}" + (f"-seed{draw.seed}" if draw.sampler != GRID else "")
        if not self.drawn.is_last:
            stem += f"-step{self.drawn.step}"
        images = self.drawn.samples.images[: tiling.capacity, None]
        title = exporting.title(run, self.seen_moment, f"samples {self.drawn}")
        page = TilePage(images, min(tiling.columns, len(images)), [""] * len(images), title)
        return Export(lambda folder: exporting.write_tiles(folder, stem, page))
