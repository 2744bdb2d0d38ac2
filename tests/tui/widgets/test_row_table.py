"""A table draws the rows in sight only, and repaints the cells that differ."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from rich.text import Text
from textual.app import App, ComposeResult

from tests.tui.widgets.conftest import refreshed
from tui.widgets.row_table import RowTable


@dataclass(frozen=True, eq=False)
class Row:
    name: str
    number: int


COLUMNS = {"name": lambda row: Text(row.name), "number": lambda row: Text(str(row.number), justify="right")}


class TableApp(App[None]):
    def __init__(self) -> None:
        super().__init__()
        self.table: RowTable[Row] = RowTable(COLUMNS)
        self.heard: list[object] = []

    def compose(self) -> ComposeResult:
        yield self.table

    def on_row_table_moved(self, message: RowTable.Moved) -> None:
        self.heard.append(message.row)

    def on_row_table_chosen(self, message: RowTable.Chosen) -> None:
        self.heard.append(f"chosen {message.row}")


def rows(count: int) -> list[Row]:
    return [Row(f"row {number}", number) for number in range(count)]


def lines(table: RowTable[Row]) -> list[str]:
    return [table.render_line(y).text.rstrip() for y in range(table.size.height)]


async def test_columns_are_as_wide_as_their_widest_cell() -> None:
    app = TableApp()
    async with app.run_test(size=(40, 5)) as pilot:
        app.table.show([Row("a", 7), Row("a long name", 1234567)], 0)
        await pilot.pause()
        assert lines(app.table)[:3] == [" name         number", " a                  7", " a long name  1234567"]
        app.table.show([Row("a", 7)], 0)
        await pilot.pause()
        assert lines(app.table)[:3] == [" name  number", " a          7", ""]


async def test_only_rows_in_sight_are_drawn_and_the_cursor_stays_among_them() -> None:
    app = TableApp()
    async with app.run_test(size=(40, 5)) as pilot:
        app.table.show(rows(10_000), 0)
        await pilot.pause()
        assert lines(app.table)[0].endswith(" 1 of 10,000")
        assert [line.split()[-1] for line in lines(app.table)[1:]] == ["0", "1", "2", "3"]
        app.table.focus()
        await pilot.press("pagedown", "down")
        assert app.table.cursor == 4
        assert lines(app.table)[-1].split() == ["row", "4", "4"]
        app.table.move_to(20_000)
        assert app.table.cursor == 9_999
        assert lines(app.table)[0].endswith("10,000 of 10,000")
        assert lines(app.table)[-1].split() == ["row", "9999", "9999"]
        await pilot.press("up")
        assert lines(app.table)[-1].split() == ["row", "9999", "9999"]
        assert app.heard == [3, 4, 9_999, 9_998]


async def test_a_row_that_changed_repaints_its_cells_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    app = TableApp()
    async with app.run_test(size=(40, 10)) as pilot:
        shown = rows(5)
        app.table.show(shown, 0)
        await pilot.pause()
        lines(app.table)
        with refreshed(app.table, monkeypatch) as regions:
            app.table.show(list(shown), 0)
            assert regions == []
            app.table.show([*shown[:3], Row("row 3", 8), shown[4]], 0)
        assert [(region.y, region.height, region.width) for region in regions] == [(4, 1, 1)]


async def test_what_is_wider_than_the_table_is_reached_by_arrow_keys() -> None:
    app = TableApp()
    async with app.run_test(size=(14, 4)) as pilot:
        app.table.show([Row("a" * 20, 12345)], 0)
        app.table.focus()
        await pilot.press("right", "right", "right", "right")
        assert lines(app.table)[1].endswith("12345")
        await pilot.press("left", "left", "left", "left")
        assert lines(app.table)[1] == " " + "a" * 13


async def test_a_click_moves_the_cursor_and_a_second_one_chooses() -> None:
    app = TableApp()
    async with app.run_test(size=(40, 5)) as pilot:
        app.table.show(rows(3), 0)
        await pilot.pause()
        await pilot.click(RowTable, offset=(2, 3))
        await pilot.click(RowTable, offset=(2, 3))
        await pilot.click(RowTable, offset=(2, 0))
        await pilot.press("up", "enter")
        assert app.heard == [2, "chosen 2", 1, "chosen 1"]
