"""Pictures show the pixels they are given, as large as fits and in as many shades as the terminal has."""

import re

import numpy as np
import pytest
from rich.console import Console
from rich.style import Style
from textual.app import App, ComposeResult
from textual.strip import Strip

from tui.drawing.images import Scale, draw_image, fit, mosaic, resize, shrink
from tui.terminal.capabilities import ColorDepth, color_depth, is_ascii
from tui.widgets.picture import Picture

BASE = Style(color="#e0e0e0", bgcolor="#102030")


def greys(strips: list[Strip]) -> np.ndarray:
    """What a true colour terminal shows: (2 * lines, columns) of 0..255."""
    rows: list[list[int]] = []
    for strip in strips:
        upper: list[int] = []
        lower: list[int] = []
        for segment in strip:
            assert segment.style and segment.style.bgcolor and segment.style.bgcolor.triplet
            below = segment.style.bgcolor.triplet.red
            above = below
            if segment.text[0] == "▀":
                assert segment.style.color and segment.style.color.triplet
                above = segment.style.color.triplet.red
            upper += [above] * len(segment.text)
            lower += [below] * len(segment.text)
        rows += [upper, lower]
    return np.array(rows)


def digits(count: int = 10) -> np.ndarray:
    return np.random.default_rng(0).random((count, 32, 32), dtype=np.float32)


class PictureApp(App[None]):
    def compose(self) -> ComposeResult:
        yield Picture(message="no weights yet")


@pytest.fixture(autouse=True)
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLORTERM", "truecolor")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.delenv("LC_ALL", raising=False)


def test_true_colour_shows_every_pixel() -> None:
    pixels = np.random.default_rng(0).random((6, 9), dtype=np.float32)
    pixels[0, :3] = 0, 1, 0.5
    shown = greys(draw_image(pixels, ColorDepth.TRUECOLOR, BASE))
    assert np.abs(shown - 255 * pixels).max() <= 2.5 + 1e-3
    assert shown[0, :2].tolist() == [0, 255]


def test_256_colours_are_codes_of_the_grey_ramp() -> None:
    pixels = np.array([[0, *range(8, 239, 10), 255]] * 2, dtype=np.float32) / 255
    (strip,) = draw_image(pixels, ColorDepth.EIGHT_BIT, BASE)
    sent = strip.render(Console(color_system="256", force_terminal=True, width=80))
    assert [int(code) for code in re.findall(r"48;5;(\d+)", sent)] == [16, *range(232, 256), 231]


def test_below_256_colours_a_shade_stands_for_the_mean_of_two_pixels() -> None:
    pixels = np.array([[0, 0, 0.5, 0.5, 1], [0, 0.5, 0.5, 1, 1]], dtype=np.float32)
    for depth in (ColorDepth.SIXTEEN, ColorDepth.NONE):
        (strip,) = draw_image(pixels, depth, BASE)
        assert (strip.text, [segment.style for segment in strip]) == (" ░▒▓█", [BASE])


def test_ascii_pictures_are_ascii() -> None:
    pixels = np.tile(np.linspace(0, 1, 10, dtype=np.float32), (2, 1))
    (strip,) = draw_image(pixels, ColorDepth.ASCII, BASE)
    assert strip.text == " .:-=+*#%@"


@pytest.mark.parametrize("depth", ColorDepth)
def test_odd_heights_and_values_out_of_range_are_drawn(depth: ColorDepth) -> None:
    pixels = np.array([[np.nan, -1, 7]] * 3, dtype=np.float32)
    strips = draw_image(pixels, depth, BASE)
    assert [strip.cell_length for strip in strips] == [3, 3]
    if depth is ColorDepth.TRUECOLOR:
        assert greys(strips).tolist() == [[0, 0, 255]] * 3 + [[0, 0, 0]]


def test_equal_neighbours_share_a_segment() -> None:
    (strip,) = draw_image(np.zeros((2, 80), np.float32), ColorDepth.TRUECOLOR, BASE)
    assert len(list(strip)) == 1


def test_a_mosaic_places_images_with_gaps() -> None:
    images = np.arange(1, 7, dtype=np.uint8).reshape(2, 3, 1, 1).repeat(2, 2).repeat(2, 3)
    picture = np.rint(mosaic(images, gap=1) * 255).astype(int)
    assert picture.tolist() == [
        [1, 1, 0, 2, 2, 0, 3, 3],
        [1, 1, 0, 2, 2, 0, 3, 3],
        [0, 0, 0, 0, 0, 0, 0, 0],
        [4, 4, 0, 5, 5, 0, 6, 6],
        [4, 4, 0, 5, 5, 0, 6, 6],
    ]
    assert mosaic(images, gap=0).shape == (4, 6)


def test_shrinking_takes_the_mean_of_blocks() -> None:
    image = np.array([[[0, 1, 0, 0], [1, 0, 0, 0], [1, 1, 0.5, 0.5], [1, 1, 0.5, 0.5]]])
    assert shrink(image, 2).tolist() == [[[0.5, 0], [1, 0.5]]]
    with pytest.raises(ValueError, match="factor 3 does not divide images of 4x4"):
        shrink(image, 3)


def test_growing_repeats_pixels_exactly() -> None:
    image = np.array([[[0.0, 0.25], [0.5, 1.0]]])
    assert resize(image, Scale(3, 1)).tolist() == np.kron(image, np.ones((1, 3, 3))).tolist()


@pytest.mark.parametrize(
    ("cells", "rows", "columns", "expected"),
    [
        ((32, 16), 1, 1, Scale(1, 1)),
        ((63, 32), 1, 1, Scale(1, 1)),
        ((64, 32), 1, 1, Scale(2, 1)),
        ((200, 60), 1, 1, Scale(3, 1)),
        ((65, 16), 1, 2, Scale(1, 1)),
        ((64, 16), 1, 2, Scale(1, 2)),
        ((8, 4), 1, 1, Scale(1, 4)),
        ((7, 4), 1, 1, None),
        ((8, 3), 1, 1, None),
        ((1, 1), 4, 4, None),
        ((0, 0), 1, 1, None),
    ],
)
def test_the_scale_is_the_largest_that_fits(
    cells: tuple[int, int], rows: int, columns: int, expected: Scale | None
) -> None:
    assert fit(32, 32, rows, columns, *cells) == expected


def test_images_of_odd_sides_are_not_shrunk() -> None:
    assert fit(7, 7, 1, 1, 6, 6) is None


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
        shown = greys([picture.render_line(y).crop(0, 32) for y in range(16)])
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


@pytest.mark.parametrize(
    ("environment", "depth"),
    [
        ({}, ColorDepth.TRUECOLOR),
        ({"COLORTERM": ""}, ColorDepth.EIGHT_BIT),
        ({"COLORTERM": "", "TERM": "screen"}, ColorDepth.SIXTEEN),
        ({"NO_COLOR": "1"}, ColorDepth.NONE),
        ({"TERM": "dumb"}, ColorDepth.ASCII),
        ({"LC_ALL": "C", "NO_COLOR": "1"}, ColorDepth.ASCII),
    ],
)
async def test_the_colour_depth_follows_the_environment(
    environment: dict[str, str], depth: ColorDepth, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    async with PictureApp().run_test() as pilot:
        assert color_depth(pilot.app) is depth


def test_only_utf_encodings_carry_blocks() -> None:
    assert is_ascii({}, "iso8859-1")
    assert is_ascii({}, "ansi_x3.4-1968")
    assert is_ascii({}, "no such encoding")
    assert not is_ascii({}, "UTF-8")
