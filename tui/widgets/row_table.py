"""A table of rows with a cursor, which draws only the rows in sight: thousands cost what forty do."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Generic, TypeVar

from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.strip import Strip

from tui.terminal.capabilities import ColorDepth
from tui.widgets.strip_widget import StripWidget

SHORTEST = 16  # cells to which the first column is cut where the others need room, or three tenths of the table
SIDEWAYS = 8  # cells by which the arrow keys move what is wider than the table
WHEEL_ROWS = 3
Row = TypeVar("Row")


class RowTable(StripWidget, Generic[Row], can_focus=True):
    """Shows rows under the names of their columns; cells that look as before are not sent to the terminal again."""

    DEFAULT_CSS = """
    RowTable > .row-table--header { background: $panel; color: $foreground; text-style: bold; }
    RowTable > .row-table--cursor {
        background: $block-cursor-blurred-background;
        color: $block-cursor-blurred-foreground;
        text-style: $block-cursor-blurred-text-style;
    }
    RowTable:focus > .row-table--cursor {
        background: $block-cursor-background;
        color: $block-cursor-foreground;
        text-style: $block-cursor-text-style;
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {"row-table--header", "row-table--cursor"}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", show=False),
        Binding("down,j", "move(1)", show=False),
        Binding("pageup", "page(-1)", show=False),
        Binding("pagedown", "page(1)", show=False),
        Binding("left", "sideways(-1)", show=False),
        Binding("right", "sideways(1)", show=False),
        Binding("enter", "choose", show=False),
    ]

    @dataclass
    class Moved(Message):
        """The cursor is in another row."""

        row: int

    @dataclass
    class Chosen(Message):
        """Enter was pressed in a row, or it was clicked once more."""

        row: int

    @dataclass
    class HeadingChosen(Message):
        """The heading of a column was clicked."""

        column: str

    def __init__(self, columns: Mapping[str, Callable[[Row], Text]]) -> None:
        super().__init__()
        self.columns = columns
        self.signs: Mapping[str, str] = {}  # behind the headings of columns
        self.importance: Sequence[str] = ()  # of columns, the first one the most; the others are as they stand
        self.rows: Sequence[Row] = ()
        self.cursor = 0
        self.marks: Mapping[int, tuple[str, Style]] = {}  # what stands before a row
        self._first = 0  # of the rows in sight
        self._shift = 0
        self._lengths: list[list[int]] = []  # of the cells of each row
        self._order: list[int] = []  # the columns as they were drawn: first those that have room, as a whole
        self._widths: list[int] = []  # theirs
        self._whole = 0  # cells of those that have room

    def show(self, rows: Sequence[Row], cursor: int) -> None:
        """Show these rows, with the cursor in one of them. A row that was shown before is the same object."""
        before = {id(row): lengths for row, lengths in zip(self.rows, self._lengths, strict=True)}
        self._lengths = [before.get(id(row)) or [cell.cell_len for cell in self.cells(row)] for row in rows]
        self.rows = rows
        self.move_to(cursor)

    def change_columns(
        self, columns: Mapping[str, Callable[[Row], Text]], signs: Mapping[str, str], importance: Sequence[str]
    ) -> None:
        """Show other columns of the same rows, with these signs behind headings."""
        self.columns, self.signs, self.importance = columns, signs, importance
        self._lengths = [[cell.cell_len for cell in self.cells(row)] for row in self.rows]
        self.redraw()

    def show_again(self) -> None:
        """Show the same rows: what stands in them may change with the clock."""
        for place in range(self._first, min(self._first + self.size.height, len(self.rows))):
            self._lengths[place] = [cell.cell_len for cell in self.cells(self.rows[place])]
        self.redraw()

    def cells(self, row: Row) -> list[Text]:
        """What stands in a row."""
        return [cell(row) for cell in self.columns.values()]

    def move_to(self, row: int) -> None:
        """The cursor to a row, or to the nearest that there is."""
        before, self.cursor = self.cursor, max(0, min(row, len(self.rows) - 1))
        self.redraw()
        if self.cursor != before:
            self.post_message(self.Moved(self.cursor))

    def draw_strips(self, width: int, height: int, base: Style, depth: ColorDepth) -> list[Strip]:
        room = max(1, height - 1)
        self._first = max(min(self._first, self.cursor, len(self.rows) - room), self.cursor - room + 1, 0)
        self._place(width)
        widths = self._widths
        self._shift = max(0, min(self._shift, sum(widths) + 2 * len(widths) - width))
        cursor = self.get_component_rich_style("row-table--cursor") + Style(reverse=not depth.has_colors or None)
        strips = [self._header(widths, width)]
        for place in range(self._first, min(self._first + height - 1, len(self.rows))):
            strip = self._line(self.cells(self.rows[place]), widths, width, base)
            strip = Strip([Segment(strip.text, cursor)]) if place == self.cursor else strip
            if mark := self.marks.get(place):
                look = cursor + Style(bold=True) if place == self.cursor else base + mark[1]
                strip = Strip([Segment(mark[0], look), *strip.crop(1, width)], width)
            strips.append(strip)
        return [*strips, *[Strip.blank(width, base)] * (height - len(strips))][:height]

    def _place(self, width: int) -> None:
        """Which columns have room as a whole; the first one is cut for it, the least important are put behind."""
        widths = list(map(max, zip(map(len, self._headings), *self._lengths, strict=True)))
        wanted, too_wide = widths[0], max(0, sum(widths) + 2 * len(widths) - width)
        shortest = max(SHORTEST, width * 3 // 10)
        widths[0] = max(min(widths[0], shortest), widths[0] - too_wide)
        titles, important = list(self.columns), list(self.importance)
        rank = {title: important.index(title) for title in important}
        behind: list[int] = []
        for place in sorted(range(1, len(titles)), key=lambda place: -rank.get(titles[place], len(rank) + place)):
            if too_wide and sum(room + 2 for at, room in enumerate(widths) if at not in behind) > width:
                behind.append(place)
        # Where one that is put behind leaves room for a less important but smaller one, that has it.
        left = width - sum(room + 2 for at, room in enumerate(widths) if at not in behind)
        for place in reversed(behind):
            if widths[place] + 2 <= left:
                behind.remove(place)
                left -= widths[place] + 2
        if behind and left > 0:
            more = min(left, wanted - widths[0])
            widths[0], left = widths[0] + more, left - more
        self._order = [*(place for place in range(len(titles)) if place not in behind), *sorted(behind)]
        self._widths = [widths[place] for place in self._order]
        nothing_else = len(behind) == len(titles) - 1
        self._whole = width - left if behind and left >= 0 and not nothing_else else width

    @property
    def _headings(self) -> list[str]:
        return [title + self.signs.get(title, "") for title in self.columns]

    @property
    def _pinned(self) -> int:
        """The cells of the first column, which stays where the others are moved; none where it would fill the table."""
        first = self._widths[0] + 2
        return first if first < self.size.width * 2 // 3 else 0

    def _header(self, widths: Sequence[int], width: int) -> Strip:
        style = self.get_component_rich_style("row-table--header")
        beyond = self._shift + width < sum(widths) + 2 * len(widths)
        strip = self._line(list(map(Text, self._headings)), widths, width, style)
        if beyond:
            strip = Strip([*strip.crop(0, width - 1), Segment("▸", style)])
        where = f" {self.cursor + 1:,} of {len(self.rows):,} "
        if len(self.rows) <= self.size.height - 1 or sum(widths) + 2 * len(widths) + len(where) > width:
            return strip
        return Strip([*strip.crop(0, width - len(where)), Segment(where, style)])

    def _line(self, cells: Sequence[Text], widths: Sequence[int], width: int, base: Style) -> Strip:
        line = Text()
        for cell, room in zip((cells[place] for place in self._order), widths, strict=True):
            if cell.cell_len > room:
                cell.truncate(room, overflow="ellipsis")
            cell.align("right" if cell.justify == "right" else "left", room)
            line = line.append(" ").append_text(cell).append(" ")
        strip = Strip(line.render(self.app.console)).apply_style(base)
        pinned = self._pinned
        moved = strip.crop(pinned + self._shift, self._shift + (width if self._shift else self._whole))
        return Strip([*strip.crop(0, pinned), *moved]).adjust_cell_length(width, base)

    # What keys and the mouse ask for

    def action_move(self, by: int) -> None:
        self.move_to(self.cursor + by)

    def action_page(self, by: int) -> None:
        self.move_to(self.cursor + by * max(1, self.size.height - 2))

    def action_sideways(self, by: int) -> None:
        self._shift = max(0, self._shift + by * SIDEWAYS)
        self.redraw()

    def action_choose(self) -> None:
        if self.rows:
            self.post_message(self.Chosen(self.cursor))

    def on_mouse_scroll_down(self) -> None:
        self.action_move(WHEEL_ROWS)

    def on_mouse_scroll_up(self) -> None:
        self.action_move(-WHEEL_ROWS)

    def on_click(self, event: events.Click) -> None:
        row = self._first + event.y - 1
        if event.y == 0:
            self._choose_heading(event.x)
        elif row < len(self.rows):
            if row == self.cursor:
                self.action_choose()
            self.move_to(row)

    def _choose_heading(self, x: int) -> None:
        place = x if x < self._pinned else x + self._shift
        titles = list(self.columns)
        for title, room in zip((titles[at] for at in self._order), self._widths, strict=True):
            place -= room + 2
            if place < 0:
                self.post_message(self.HeadingChosen(title))
                return

    def on_focus(self) -> None:
        self.redraw()

    def on_blur(self) -> None:
        self.redraw()
