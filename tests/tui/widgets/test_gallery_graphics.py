"""A gallery shows its images as graphics where its half-blocks were, the newest only, and encodes them once."""

from __future__ import annotations

import re

import numpy as np
import pytest
from textual._compositor import LayoutUpdate
from textual.app import App, ComposeResult
from textual.geometry import Region
from textual.pilot import Pilot

from tests.support.screens import screen_text, until
from tui.drawing.tiles import CaptionPlacement
from tui.terminal.graphics import Graphics, Sheet
from tui.widgets.gallery import Gallery

GRAPHICS = Graphics("sixel", 10, 20)


class Shown(App[None]):
    """A gallery that fills the screen."""

    def __init__(self, captions: CaptionPlacement = "below") -> None:
        super().__init__()
        self._captions: CaptionPlacement = captions

    def compose(self) -> ComposeResult:
        yield Gallery(at_least=8, captions=self._captions, message="nothing yet")

    def update(self) -> str:
        """What a full repaint sends."""
        update = self.screen._compositor.render_update(full=True, screen_stack=self._background_screens)
        assert isinstance(update, LayoutUpdate)
        return update.render_segments(self.console)


def digits(seed: int, count: int = 8, images: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).random((count, images, 28, 28), dtype=np.float32)


async def hung(pilot: Pilot[None], gallery: Gallery, tiles: np.ndarray) -> None:
    """Wait until these are shown as graphics."""
    await until(
        pilot,
        lambda: gallery._sheets and np.array_equal(np.concatenate([s.tiles for s in gallery._sheets]), tiles),
        "graphics",
    )
    await pilot.pause()


@pytest.mark.parametrize("captions", ["below", "beside", "none"])
async def test_sheets_lie_where_the_half_blocks_were_and_captions_stay(captions: CaptionPlacement) -> None:
    app = Shown(captions)
    async with app.run_test(size=(65, 36)) as pilot:
        gallery = app.query_one(Gallery)
        tiles = digits(0, 8, 2)
        gallery.show(tiles, [f"digit {place}" for place in range(8)], 1)
        await pilot.pause()
        before = screen_text(app).splitlines()
        gallery.graphics = GRAPHICS
        await hung(pilot, gallery, tiles)
        tiling = gallery.tiling((2, 28, 28))
        assert tiling is not None
        assert (tiling.columns, tiling.rows) == (4, 2)
        for row, sheet in enumerate(gallery._sheets):
            assert (sheet.placement.y, sheet.placement.width) == (row * tiling.cells_high, 4 * 14 + 3)
            height = sheet.placement.height
            assert height == tiling.cells_high - (captions != "none") == 14
        corners = [f"\x1b[{sheet.placement.y + 1};1H\x1bP" for sheet in gallery._sheets]
        assert re.findall("\x1b\\[[0-9]+;[0-9]+H\x1bP", app.update()) == corners

        lines = screen_text(app).splitlines()
        assert len(lines) == len(before)
        covered = {y for sheet in gallery._sheets for y in sheet.placement.rows}
        for y, (line, was) in enumerate(zip(lines, before, strict=True)):
            assert line == ("" if y in covered else was)
        gallery.graphics = None
        await pilot.pause()
        assert screen_text(app).splitlines() == before
        assert "\x1bP" not in app.update()


async def test_only_changed_pictures_are_drawn_again(monkeypatch: pytest.MonkeyPatch) -> None:
    app = Shown()
    async with app.run_test(size=(65, 36)) as pilot:
        gallery = app.query_one(Gallery)
        gallery.graphics = GRAPHICS
        gallery.show(digits(0))
        await hung(pilot, gallery, digits(0))
        refreshed: list[tuple[Region, ...]] = []
        original = gallery.refresh

        def refresh(*regions: Region) -> Gallery:
            refreshed.append(regions)
            return original(*regions)

        monkeypatch.setattr(gallery, "refresh", refresh)
        sheets = list(gallery._sheets)

        gallery.show(digits(0), selected=1)
        await pilot.pause()
        (lines,) = refreshed
        captions = {sheet.placement.y + sheet.placement.height for sheet in sheets}
        assert {region.y for region in lines} <= captions
        assert {region.height for region in lines} == {1}
        gallery.show(digits(0), selected=1)
        await pilot.pause()
        assert len(refreshed) == 1
        assert gallery._sheets == sheets

        gallery.show(digits(1), selected=1)
        await hung(pilot, gallery, digits(1))
        assert refreshed[1:] == [()]


async def test_the_newest_of_pictures_that_follow_quickly_is_shown() -> None:
    app = Shown()
    async with app.run_test(size=(65, 36)) as pilot:
        gallery = app.query_one(Gallery)
        gallery.graphics = GRAPHICS
        for seed in range(9):
            gallery.show(digits(seed))
        await hung(pilot, gallery, digits(8))
        gallery.show(digits(9))
        gallery.show(digits(8))
        await pilot.pause(0.5)
        await hung(pilot, gallery, digits(8))
        gallery.show(digits(9))
        gallery.show_message("gone")
        await pilot.pause(0.5)
        assert not gallery._sheets
        assert "gone" in screen_text(app)
        gallery.show(digits(9))
        await hung(pilot, gallery, digits(9))


async def test_what_was_hidden_while_it_was_encoded_is_shown_later() -> None:
    app = Shown()
    async with app.run_test(size=(65, 36)) as pilot:
        gallery = app.query_one(Gallery)
        gallery.graphics = GRAPHICS
        await pilot.pause()
        gallery.show(digits(0))
        gallery.display = False
        await pilot.pause(0.5)
        gallery.display = True
        await hung(pilot, gallery, digits(0))
        assert "\x1bP" in app.update()


@pytest.mark.parametrize("size", [(1, 1), (6, 3), (7, 4), (15, 8), (300, 120)])
async def test_any_size_is_drawn(size: tuple[int, int]) -> None:
    app = Shown()
    async with app.run_test(size=size) as pilot:
        gallery = app.query_one(Gallery)
        gallery.graphics = Graphics("kitty", 8, 17)
        gallery.show(digits(0, 2, 3), ["a", "b"])
        await pilot.pause(0.3)
        app.update()
        await pilot.resize_terminal(65, 60)
        await hung(pilot, gallery, digits(0, 2, 3))
        assert app.update().count("\x1b_Ga=T") == 1


async def test_a_screenshot_shows_the_text() -> None:
    app = Shown()
    async with app.run_test(size=(65, 36)) as pilot:
        gallery = app.query_one(Gallery)
        gallery.graphics = GRAPHICS
        gallery.show(digits(0), ["digit"] * 8)
        await hung(pilot, gallery, digits(0))
        picture = app.export_screenshot()
        assert "digit" in picture
        assert "1;1;" not in picture


async def test_3_a_bug_while_pictures_are_encoded_is_a_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Sheet, "encode", lambda sheet: 1 / 0)
    app = Shown()
    async with app.run_test(size=(65, 36)) as pilot:
        app.query_one(Gallery).graphics = GRAPHICS
        app.query_one(Gallery).show(digits(0))
        await until(pilot, lambda: [*app._notifications], "the message")
        assert [note.message for note in app._notifications] == ["unexpected ZeroDivisionError: division by zero"]
