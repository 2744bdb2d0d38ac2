"""Only the cells that a widget wants drawn again are written."""

from __future__ import annotations

import re

from rich.segment import Segment
from textual._compositor import ChopsUpdate
from textual.app import App, ComposeResult
from textual.containers import Horizontal
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from tui.terminal.output.exact import ExactUpdate


class Letters(Widget):
    DEFAULT_CSS = "Letters { width: 10; height: 2; }"

    def render_line(self, y: int) -> Strip:
        return Strip([Segment("abcdefghij")], 10)


class Two(App[None]):
    def compose(self) -> ComposeResult:
        with Horizontal():
            yield Letters(id="one")
            yield Letters(id="other")


async def written(*regions: Region) -> list[tuple[int, int, str]]:
    """The row, the column and the letters of each part that is written for these regions of the right widget."""
    app = Two()
    async with app.run_test(size=(30, 5)) as pilot:
        await pilot.pause()
        other, compositor = app.query_one("#other"), app.screen._compositor
        compositor.update_widgets({other})
        compositor._dirty_regions.clear()
        compositor._dirty_regions.update(region.translate(other.region.offset) for region in regions)
        update = compositor.render_partial_update()
        assert isinstance(update, ChopsUpdate)
        found = ExactUpdate(update.chops, update.spans, update.chop_ends).render_segments(app.console)
    parts = re.findall(r"\x1b\[(\d+);(\d+)H((?:(?!\x1b\[\d+;\d+H).)*)", found)
    return [(int(y), int(x), re.sub(r"\x1b\[[\d;]*m", "", text)) for y, x, text in parts]


async def test_each_part_is_written_from_its_beginning_to_its_end() -> None:
    assert await written(Region(3, 0, 2, 1), Region(7, 0, 1, 1), Region(0, 1, 10, 1)) == [
        (1, 14, "de"),
        (1, 18, "h"),
        (2, 11, "abcdefghij"),
    ]
