"""A gallery shows tiles with their captions, or a message; a click selects a tile."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from textual.app import App, ComposeResult
from textual.strip import Strip

from tests.support.drawing import greys_of
from tui.widgets.gallery import Gallery

DIGIT, STACK = (1, 28, 28), (3, 28, 28)


def ramps(count: int, images: int = 1) -> np.ndarray:
    """Tiles whose images are of one grey each: all of them differ."""
    greys = np.linspace(0.2, 1, count * images, dtype=np.float32)
    return greys.reshape(count, images, 1, 1).repeat(28, 2).repeat(28, 3)


class GalleryApp(App[None]):
    def __init__(self, **options: Any) -> None:
        super().__init__()
        self.options = options
        self.clicked: list[int] = []

    def compose(self) -> ComposeResult:
        yield Gallery(**({"message": "no digits yet"} | self.options))

    def on_gallery_clicked(self, message: Gallery.Clicked) -> None:
        assert message.control is self.query_one(Gallery)
        self.clicked.append(message.index)


def strips_of(app: App[None]) -> list[Strip]:
    gallery = app.query_one(Gallery)
    return [gallery.render_line(y) for y in range(gallery.size.height)]


def lines(app: App[None]) -> list[str]:
    return [strip.text.rstrip() for strip in strips_of(app)]


@pytest.mark.parametrize("size", [(1, 1), (7, 4), (8, 5), (20, 5), (40, 12), (80, 24), (300, 100)])
@pytest.mark.parametrize("environment", [{}, {"NO_COLOR": "1"}, {"TERM": "dumb"}])
async def test_any_size_is_filled(
    size: tuple[int, int], environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    app = GalleryApp(at_least=8)
    async with app.run_test(size=size) as pilot:
        app.query_one(Gallery).show(ramps(20, 3), [f"caption {number}" for number in range(20)], 1)
        await pilot.pause()
        assert {strip.cell_length for strip in strips_of(app)} == {size[0]}
        assert all(segment.style is not None for strip in strips_of(app) for segment in strip)
        small = app.query_one(Gallery).tiling(STACK) is None
        assert (lines(app)[(size[1] - 1) // 2].strip() in "too small for pictures: enlarge the window") == small
        if environment.get("TERM") == "dumb":
            assert "".join(lines(app)).isascii()


async def test_a_message_stands_in_place_of_tiles() -> None:
    app = GalleryApp()
    async with app.run_test(size=(40, 9)) as pilot:
        gallery = app.query_one(Gallery)
        for words in ("no digits yet", "opening the run", ""):
            if words != "no digits yet":
                gallery.show(ramps(1))
                gallery.show_message(words)
            await pilot.pause()
            assert lines(app) == [""] * 4 + [words.center(40).rstrip()] + [""] * 4
        gallery.show(np.zeros((0, 1, 28, 28), np.float32))
        gallery.message = "none at all"
        gallery.redraw()
        assert lines(app)[4].strip() == "none at all"


async def test_each_tile_has_its_caption_and_the_selected_one_is_marked() -> None:
    app = GalleryApp(at_least=3)
    async with app.run_test(size=(44, 8)) as pilot:
        gallery = app.query_one(Gallery)
        gallery.show(ramps(3), ["one", "two, whose name is long", "three"], 1)
        await pilot.pause()
        captions = strips_of(app)[7]
        assert captions.text.rstrip() == " one           ▸two, whose na  three"
        (marked,) = [segment for segment in captions if segment.style and segment.style.reverse]
        assert marked.text == "▸two, whose na"
        gallery.show(ramps(3), ["one"], 2)
        await pilot.pause()
        assert lines(app)[7] == " one" + " " * 26 + "▸"


async def test_ascii_marks_are_ascii(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    app = GalleryApp()
    async with app.run_test(size=(14, 8)) as pilot:
        app.query_one(Gallery).show(ramps(1), ["one"], 0)
        await pilot.pause()
        assert lines(app)[7] == ">one"
        assert set(lines(app)[0]) <= set(" .:-=+*#%@")


async def test_images_of_a_tile_stand_above_each_other() -> None:
    app = GalleryApp(captions="none")
    async with app.run_test(size=(30, 45)) as pilot:
        app.query_one(Gallery).show(
            np.array([0.0, 1.0, 0.0], np.float32).reshape(1, 3, 1, 1).repeat(28, 2).repeat(28, 3)
        )
        await pilot.pause()
        shown = lines(app)
        full = [y for y, line in enumerate(shown) if line]
        assert full == list(range(14, 28))
        assert {shown[y] for y in full} == {"█" * 28}


async def test_tiles_for_which_there_is_no_room_are_left_out() -> None:
    app = GalleryApp(at_least=2)
    async with app.run_test(size=(29, 9)) as pilot:
        app.query_one(Gallery).show(ramps(9), [f"n{number}" for number in range(9)])
        await pilot.pause()
        assert lines(app)[7].split() == ["n0", "n1"]
        assert "n2" not in "".join(lines(app))


async def test_a_click_tells_which_tile_it_hit() -> None:
    app = GalleryApp(at_least=6, columns=3)
    async with app.run_test(size=(50, 20)) as pilot:
        gallery = app.query_one(Gallery)
        await pilot.click(Gallery, offset=(3, 3))
        assert app.clicked == []  # nothing is shown
        gallery.show(ramps(5), [str(number) for number in range(5)])
        await pilot.pause()
        for x, y, place in ((0, 0, 0), (13, 7, 0), (15, 3, 1), (43, 0, 2), (0, 8, 3), (20, 15, 4)):
            await pilot.click(Gallery, offset=(x, y))
            assert app.clicked.pop() == place
        for x, y in ((35, 9), (46, 3), (3, 18)):  # behind the last tile, beside the tiles, below them
            await pilot.click(Gallery, offset=(x, y))
        assert app.clicked == []


async def test_an_image_is_shown_pixel_by_pixel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLORTERM", "truecolor")
    app = GalleryApp(captions="none")
    async with app.run_test(size=(50, 24)) as pilot:
        image = np.random.default_rng(0).random((28, 28), dtype=np.float32)
        app.query_one(Gallery).show(image[None, None])
        await pilot.pause()
        shown = greys_of([strip.crop(0, 28) for strip in strips_of(app)[:14]])
        assert np.abs(shown - 255 * image).max() <= 2.5 + 1e-3
        assert not lines(app)[14]


async def test_only_the_image_that_changed_is_refreshed(monkeypatch: pytest.MonkeyPatch) -> None:
    app = GalleryApp(at_least=3, captions="none")
    async with app.run_test(size=(44, 8)) as pilot:
        gallery = app.query_one(Gallery)
        tiles = ramps(3)
        gallery.show(tiles)
        await pilot.pause()
        regions: list[Any] = []
        monkeypatch.setattr(gallery, "refresh", lambda *dirty, **options: regions.extend(dirty or ["all"]))
        changed = tiles.copy()
        changed[1] = 0
        gallery.show(changed)
        assert len(regions) == 7
        assert all(15 <= region.x < region.right <= 29 for region in regions)


async def test_only_what_changed_is_refreshed(monkeypatch: pytest.MonkeyPatch) -> None:
    app = GalleryApp(at_least=3)
    async with app.run_test(size=(44, 8)) as pilot:
        gallery = app.query_one(Gallery)
        gallery.show(ramps(3), ["a", "b", "c"], 0)
        await pilot.pause()
        regions: list[Any] = []
        monkeypatch.setattr(gallery, "refresh", lambda *dirty, **options: regions.extend(dirty or ["all"]))
        gallery.show(ramps(3), ["a", "b", "c"], 0)
        assert regions == []
        gallery.show(ramps(3), ["a", "b", "c"], 1)
        (region,) = regions
        assert (region.y, region.height) == (7, 1)
        assert region.right <= 29


def test_tiles_of_other_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"tiles are \(3, 28, 28\), must be \(N, K, H, W\)"):
        Gallery().show(np.zeros((3, 28, 28), np.float32))
