"""A picture shows as many images as fit, as large as fits, or a message."""

from __future__ import annotations

import numpy as np
import pytest
from textual.app import App, ComposeResult

from tests.support.drawing import greys_of
from tui.widgets.picture import Picture

pytestmark = pytest.mark.usefixtures("truecolor")


def digits(count: int = 10) -> np.ndarray:
    return np.random.default_rng(0).random((count, 32, 32), dtype=np.float32)


class PictureApp(App[None]):
    def compose(self) -> ComposeResult:
        yield Picture(message="no weights yet")


@pytest.mark.parametrize("size", [(1, 1), (7, 3), (40, 12), (80, 24), (120, 40)])
@pytest.mark.parametrize("no_color", [False, True])
async def test_a_picture_runs_at_any_size(
    size: tuple[int, int], no_color: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if no_color:
        monkeypatch.setenv("NO_COLOR", "1")
    async with PictureApp().run_test(size=size) as pilot:
        picture = pilot.app.query_one(Picture)
        picture.show(digits())
        await pilot.pause()
        lines = [picture.render_line(y) for y in range(size[1])]
        assert all(line.cell_length == size[0] for line in lines)
        assert all(segment.style is not None for line in lines for segment in line)
        assert (lines[(size[1] - 1) // 2].text in "too small for pictures") == (size < (8, 4))


async def test_an_image_is_shown_pixel_by_pixel_at_the_upper_left() -> None:
    async with PictureApp().run_test(size=(80, 24)) as pilot:
        picture = pilot.app.query_one(Picture)
        image = digits(1)
        picture.show(image)
        await pilot.pause()
        shown = greys_of([picture.render_line(y).crop(0, 32) for y in range(16)])
        assert np.abs(shown - 255 * image[0]).max() <= 2.5 + 1e-3
        assert picture.render_line(20).text.strip() == ""


async def test_columns_are_kept_or_chosen_so_that_images_are_largest() -> None:
    async with PictureApp().run_test(size=(70, 16)) as pilot:
        picture = pilot.app.query_one(Picture)
        picture.show(digits(2))
        await pilot.pause()
        assert picture.render_line(15).crop(33, 65).text.strip() != ""
        picture.show(digits(2), columns=1)
        await pilot.pause()
        assert picture.render_line(15).crop(33, 65).text.strip() == ""


async def test_a_grid_too_large_is_cut_and_says_so() -> None:
    async with PictureApp().run_test(size=(40, 12)) as pilot:
        picture = pilot.app.query_one(Picture)
        picture.show(digits(64), columns=8)
        await pilot.pause()
        text = "\n".join(picture.render_line(y).text for y in range(12))
        assert "8 of 64 images fit" in text


async def test_without_images_the_message_stands_in_the_middle() -> None:
    async with PictureApp().run_test(size=(40, 11)) as pilot:
        picture = pilot.app.query_one(Picture)
        await pilot.pause()
        assert picture.render_line(5).text == "no weights yet".center(40)
        picture.show(digits(1))
        picture.show(None, message="no run")
        await pilot.pause()
        assert picture.render_line(5).text == "no run".center(40)


async def test_only_changed_images_are_repainted(monkeypatch: pytest.MonkeyPatch) -> None:
    async with PictureApp().run_test(size=(80, 24)) as pilot:
        picture = pilot.app.query_one(Picture)
        images = digits(4)
        picture.show(images, columns=4)
        await pilot.pause()
        regions = []
        monkeypatch.setattr(picture, "refresh", lambda *dirty: regions.append(dirty))
        picture.show(images, columns=4)
        assert regions == []
        images[1, 0] = 1 - images[1, 0]
        picture.show(images, columns=4)
        ((region,),) = regions
        assert region.y == 0
        assert 17 <= region.x < region.right <= 33
