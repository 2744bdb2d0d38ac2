"""A gallery: tiles of one or more images with captions, one of them selected."""

from collections.abc import Sequence
from functools import partial
from typing import ClassVar

from rich.segment import ControlType, Segment
from rich.style import Style
from textual import events
from textual.geometry import Region
from textual.message import Message
from textual.reactive import var
from textual.strip import Strip

from core.arrays import Images
from tui.background.tasks import LatestTaskQueue, show_in_app
from tui.drawing.strips import draw_message, fill
from tui.drawing.tiles import SCALES, CaptionPlacement, Tiling, draw_tiles, lay_out_tiles
from tui.terminal.capabilities import ColorDepth
from tui.terminal.graphics import Graphics, Placement, Sheet
from tui.widgets.strip_widget import StripWidget

# Rich passes control codes on as they are; this one does nothing.
CONTROL = [(ControlType.CURSOR_FORWARD, 0)]


class Gallery(StripWidget):
    """Shows tiles, or a message; a click selects a tile. With `graphics` the terminal itself draws the images."""

    SCALES: ClassVar = SCALES
    graphics: var[Graphics | None] = var(None, init=False)

    class Clicked(Message):
        """A tile was clicked."""

        def __init__(self, gallery: "Gallery", index: int) -> None:
            super().__init__()
            self.gallery, self.index = gallery, index

        @property
        def control(self) -> "Gallery":
            return self.gallery

    class Scrolled(Message):
        """The wheel was turned over the tiles, up (-1) or down (1)."""

        def __init__(self, gallery: "Gallery", by: int) -> None:
            super().__init__()
            self.gallery, self.by = gallery, by

    def __init__(
        self,
        *,
        at_least: int = 1,
        columns: int | None = None,
        captions: CaptionPlacement = "below",
        message: str = "",
        id: str | None = None,  # noqa: A002
    ) -> None:
        super().__init__(id=id)
        self.at_least, self.columns = at_least, columns
        self._caption_placement = captions
        self.message = message
        self._tiles: Images | None = None
        self._captions: Sequence[str] = ()
        self._selected: int | None = None
        self._sheets: list[Sheet] = []
        self._sheets_wanted: list[Sheet] = []
        self._sheets_fit = False
        self._covering: set[Region] = set()
        self._tasks: LatestTaskQueue | None = None

    def tiling(self, shape: tuple[int, int, int]) -> Tiling | None:
        """How tiles of K images (K, H, W) are laid out now."""
        return lay_out_tiles(
            shape,
            self.size.width,
            self.size.height,
            at_least=self.at_least,
            columns=self.columns,
            captions=self._placement,
            scales=self.SCALES,
        )

    @property
    def _placement(self) -> CaptionPlacement:
        """Where captions stand: the terminal's own graphics fill whole lines."""
        return "below" if self.graphics and self._caption_placement == "beside" else self._caption_placement

    def show(self, tiles: Images, captions: Sequence[str] = (), selected: int | None = None) -> None:
        """Show tiles (N, K, H, W) in [0, 1]; those for which there is no room are left out. Raises ValueError."""
        if tiles.ndim != 4:
            raise ValueError(f"tiles are {tiles.shape}, must be (N, K, H, W)")
        self._tiles, self._captions, self._selected = tiles, tuple(captions), selected
        self.redraw()

    def show_message(self, message: str) -> None:
        """Show a message in place of tiles."""
        self._tiles, self.message = None, message
        self.redraw()

    # Graphics in place of half-blocks

    def on_unmount(self) -> None:
        for sheet in self._sheets:
            sheet.discard()
        if self._tasks:
            self._tasks.close()

    def on_resize(self) -> None:
        if self.graphics:
            self.redraw()

    on_show = on_resize

    def draw_with(self, graphics: Graphics | None) -> None:
        self.graphics = graphics

    def watch_graphics(self) -> None:
        self.redraw()

    def redraw(self) -> None:
        wanted = self._wanted()
        if look_the_same(wanted, self._sheets):
            self._sheets_wanted = self._sheets
            super().redraw()
        elif not wanted:
            self._sheets_wanted = []
            self._show_sheets([])
        elif not look_the_same(wanted, self._sheets_wanted):
            # Captions wait for their pictures.
            self._sheets_wanted = wanted
            self._tasks = self._tasks or LatestTaskQueue(partial(show_in_app, self.app))
            self._tasks.submit("sheets", lambda: self._encode(wanted))

    def _encode(self, sheets: list[Sheet]) -> None:
        """In the thread of the tasks."""
        for sheet in sheets:
            sheet.encode()
        self.call_later(self._show_sheets, sheets)

    def _show_sheets(self, sheets: list[Sheet]) -> None:
        """Show encoded sheets, unless the layout has changed since or what is shown is wanted again."""
        wanted = self._wanted()
        if not cover_the_same(sheets, wanted) or look_the_same(self._sheets, wanted):
            if sheets is self._sheets_wanted:
                self._sheets_wanted = []
            return
        for sheet in self._sheets:
            sheet.discard()
        self._sheets, self._drawn_for = sheets, None
        self.refresh()

    def _wanted(self) -> list[Sheet]:
        """A sheet for each row of tiles, not encoded yet; none where half-blocks are drawn."""
        tiles, graphics = self._tiles, self.graphics
        tiling = None if tiles is None or graphics is None else self.tiling(tiles.shape[1:])
        if tiles is None or graphics is None or tiling is None:
            return []
        height = tiling.cells_high - (self._caption_placement != "none")
        lines = tiles.shape[1] * tiles.shape[2] * tiling.scale.up / tiling.scale.down / 2
        sheets = []
        for row in range(tiling.rows):
            shown = tiles[row * tiling.columns : (row + 1) * tiling.columns]
            if len(shown) and height:
                placement = Placement(graphics, row * tiling.cells_high, len(shown), tiling.cells_wide, lines, height)
                sheets.append(Sheet(placement, shown))
        return sheets

    def render_lines(self, crop: Region) -> list[Strip]:
        strips = super().render_lines(crop)
        # Under a dialog or clipped, half-blocks are drawn: they can be dimmed and cropped.
        if self._sheets and self._sheets_fit and crop.size == self.size and self.screen.is_active:
            return self._below_sheets(strips)
        return strips

    def _below_sheets(self, strips: list[Strip]) -> list[Strip]:
        """The strips with blanks where sheets lie; a sheet is drawn with the last of its lines."""
        strips = [*strips]
        black = Style() if self.app.no_color else Style.parse("on black")
        floating = [widget.region for widget in self.screen.query("Toast, Tooltip") if widget.display]
        covering = set()
        for sheet in self._sheets:
            placement = sheet.placement
            region = Region(self.region.x, self.region.y + placement.y, placement.width, placement.height)
            if above := {other for other in floating if other.overlaps(region)}:
                covering |= above
                continue
            for y in placement.rows:
                segments = [Segment(" " * placement.width, black), *strips[y].crop(placement.width)]
                if y == placement.rows[-1]:
                    segments.append(Segment(sheet.draw(*region.offset), None, CONTROL))
                strips[y] = Strip(segments, self.size.width)
        if self._covering - covering:
            self.call_later(self.refresh)  # at first only the cells that were covered are drawn
        self._covering = covering
        return strips

    # Half-blocks and captions

    def on_mouse_scroll_up(self) -> None:
        self.post_message(self.Scrolled(self, -1))

    def on_mouse_scroll_down(self) -> None:
        self.post_message(self.Scrolled(self, 1))

    def on_click(self, event: events.Click) -> None:
        tiling = None if self._tiles is None else self.tiling(self._tiles.shape[1:])
        if tiling is None or self._tiles is None:
            return
        column, row = event.x // tiling.step, event.y // tiling.cells_high
        index = row * tiling.columns + column
        if column < tiling.columns and row < tiling.rows and index < len(self._tiles):
            self.post_message(self.Clicked(self, index))

    def draw_strips(self, width: int, height: int, base: Style, depth: ColorDepth) -> list[Strip]:
        self._sheets_fit = cover_the_same(self._sheets, self._wanted())
        if self._tiles is None or not len(self._tiles):
            return draw_message(self.message, width, height, base)
        tiling = self.tiling(self._tiles.shape[1:])
        if tiling is None:
            return draw_message("too small for pictures: enlarge the window", width, height, base)
        strips = draw_tiles(
            self._tiles,
            tiling,
            base,
            depth,
            names=self._captions,
            selected=self._selected,
            captions=self._placement,
        )
        return fill(strips, width, height, base)


def cover_the_same(sheets: Sequence[Sheet], others: Sequence[Sheet]) -> bool:
    """Whether these cover the same cells as the others."""
    return [sheet.placement for sheet in sheets] == [other.placement for other in others]


def look_the_same(sheets: Sequence[Sheet], others: Sequence[Sheet]) -> bool:
    """Whether these look like the others."""
    return len(sheets) == len(others) and all(map(Sheet.shows, sheets, others))
