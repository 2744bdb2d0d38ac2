"""Plots in files look as in the terminal, need no display, and hold whatever values there are."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from tests.support.pictures import BLUE, ORANGE, count_of, pixels_of
from tui import export_plots
from tui.drawing.plots.curves import Curve
from tui.drawing.points import CLASS_COLORS
from tui.export_plots import save_curves, save_scatter, save_tiles
from tui.panels import DPI, Panel, TilePage

# A warning would be printed over the app, unless it is for developers only.
pytestmark = pytest.mark.filterwarnings("error", "ignore::DeprecationWarning")


NOTHING = np.zeros(0)


def falling(start: float = 200.0, color: tuple[int, int, int] | str = BLUE) -> Curve:
    x = np.linspace(0, 40, 500)
    return Curve("train", x, start * np.exp(-x / 10) + 20, color)


def save_plot(
    path: Path, curves: Sequence[Curve], *, title: str = "", x_label: str = "epoch", log_scale: bool = False
) -> None:
    save_curves(path, [Panel(title, curves)], x_label=x_label, log_scale=log_scale)


def test_curves_are_drawn_in_their_colors(tmp_path: Path) -> None:
    ends = np.arange(1.0, 40)
    points = Curve("validation", ends, 200 * np.exp(-ends / 10) + 22, ORANGE, "points")
    save_plot(tmp_path / "a.png", [falling(), points], title="loss")
    pixels = pixels_of(tmp_path / "a.png")
    assert pixels.shape == (900, 1600, 3)
    assert count_of(pixels, BLUE) > 1000
    assert count_of(pixels, ORANGE) > 1000


def test_colors_may_be_whatever_rich_parses(tmp_path: Path) -> None:
    save_plot(tmp_path / "a.png", [falling(color="#56b4e9")])
    assert count_of(pixels_of(tmp_path / "a.png"), BLUE) > 1000


def test_what_was_changed_on_the_way_is_marked_where_that_is_seen(tmp_path: Path) -> None:
    plain = falling()
    changed = Curve(plain.label, plain.x, plain.y, BLUE, changes=((20.0, "rate 1e-$4"),))
    for name, curve, x_range in (
        ("a", plain, None),
        ("b", changed, None),
        ("c", changed, (0, 10)),
        ("d", plain, (0, 10)),
    ):
        save_curves(tmp_path / f"{name}.png", [Panel("loss", [curve])], x_range=x_range)
    a, b, c, d = ((tmp_path / f"{name}.png").read_bytes() for name in "abcd")
    assert (a == b, c == d) == (False, True)


def test_two_threads_draw_one_after_the_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    both, met = threading.Barrier(2), list[int]()

    def meet(figure: object) -> bytes:
        with suppress(threading.BrokenBarrierError):
            met.append(both.wait(0.5))
        return b""

    monkeypatch.setattr(export_plots, "_figure_png", meet)
    threads = [threading.Thread(target=save_plot, args=(tmp_path / name, [])) for name in ("a.png", "b.png")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert met == []
    assert len(list(tmp_path.iterdir())) == 2


def test_dim_curves_are_paler(tmp_path: Path) -> None:
    solid = falling()
    save_plot(tmp_path / "a.png", [Curve(solid.label, solid.x, solid.y, BLUE, dim=True)])
    assert count_of(pixels_of(tmp_path / "a.png"), BLUE) == 0


def test_a_log_scale_leaves_out_zero_and_below(tmp_path: Path) -> None:
    x = np.arange(1.0, 101)
    y = np.exp(-x / 10)
    dotted = np.concatenate(([0.0, -1.0, np.nan], y))
    save_plot(tmp_path / "a.png", [Curve("a", x, y, BLUE)], log_scale=True)
    save_plot(tmp_path / "b.png", [Curve("a", np.append([1, 1, 1], x), dotted, BLUE)], log_scale=True)
    save_plot(tmp_path / "c.png", [Curve("a", x, y, BLUE)])
    straight, cleaned, bent = (pixels_of(tmp_path / name) for name in ("a.png", "b.png", "c.png"))
    assert (straight == cleaned).all()
    assert (straight != bent).any()


def test_a_million_steps_keep_their_single_peak(tmp_path: Path) -> None:
    y = np.ones(1_000_000)
    y[345_678] = 500
    save_plot(tmp_path / "a.png", [Curve("a", np.arange(1e6), y, BLUE)])
    column = (np.abs(pixels_of(tmp_path / "a.png") - BLUE).max(axis=-1) < 60).any(axis=1)
    assert column.sum() > 600


@pytest.mark.parametrize("log_scale", [False, True])
@pytest.mark.parametrize(
    "y",
    [
        NOTHING,
        np.array([np.nan]),
        np.array([3.0]),
        np.array([0.0, -1.0]),
        np.array([1e308, -1e308, np.inf]),
        np.ones(9),
    ],
    ids=["none", "nan", "one", "none above zero", "huge", "flat"],
)
def test_every_series_gives_a_plot(tmp_path: Path, y: np.ndarray, log_scale: bool) -> None:
    curves = [Curve("a", np.arange(float(len(y))), y, BLUE, style) for style in ("line", "points")]
    save_plot(tmp_path / "a.png", curves, log_scale=log_scale)
    assert pixels_of(tmp_path / "a.png").shape == (900, 1600, 3)


def test_a_single_step_is_seen(tmp_path: Path) -> None:
    save_plot(tmp_path / "none.png", [Curve("a", NOTHING, NOTHING, BLUE)])
    save_plot(tmp_path / "one.png", [Curve("a", np.ones(1), np.ones(1), BLUE)])
    none, one = (count_of(pixels_of(tmp_path / name), BLUE) for name in ("none.png", "one.png"))
    assert one > none + 20


def test_names_are_shown_as_they_are(tmp_path: Path) -> None:
    x = np.arange(2.0)
    save_plot(tmp_path / "a.png", [Curve(r"$\frac$", x, x, BLUE)], title="$", x_label="a_$b^c$")
    save_plot(tmp_path / "b.png", [Curve("_run", x, x, BLUE)])
    save_plot(tmp_path / "c.png", [Curve("", x, x, BLUE)])
    assert (pixels_of(tmp_path / "b.png") != pixels_of(tmp_path / "c.png")).any()


def test_three_panels_stand_as_on_the_training_screen(tmp_path: Path) -> None:
    colors = (BLUE, ORANGE, (0, 158, 115))
    panels = [Panel(f"panel {number}", [falling(color=color)]) for number, color in enumerate(colors)]
    save_curves(tmp_path / "a.png", panels)
    pixels = pixels_of(tmp_path / "a.png")
    assert pixels.shape == (1350, 1600, 3)
    parts = {"top": pixels[:675], "left": pixels[675:, :800], "right": pixels[675:, 800:]}
    found = {part: [count_of(region, color) > 300 for color in colors] for part, region in parts.items()}
    assert found == {"top": [True, False, False], "left": [False, True, False], "right": [False, False, True]}


def test_without_panels_nothing_is_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="0 panels"):
        save_curves(tmp_path / "a.png", [])
    assert not list(tmp_path.iterdir())


def test_points_and_legend_have_the_colors_of_the_classes_present(tmp_path: Path) -> None:
    points = np.random.default_rng(0).standard_normal((100, 2))
    save_scatter(tmp_path / "a.png", points, np.arange(100) % 2 * 2, title="latents")
    pixels = pixels_of(tmp_path / "a.png")
    assert pixels.shape == (1200, 1400, 3)
    legend = pixels[:, 1300:]
    assert [count_of(legend, color) > 20 for color in CLASS_COLORS[:3]] == [True, False, True]
    assert count_of(pixels[:, :1300], (128, 175, 255)) > 300  # half of the first: overlaps stay visible


def test_a_scatter_leaves_out_what_is_not_finite(tmp_path: Path) -> None:
    points = np.array([[0.0, 0.0], [1.0, 1.0], [np.nan, 0.0], [np.inf, 1.0], [1e300, 1.0]])
    save_scatter(tmp_path / "a.png", points, np.zeros(5, int))
    save_scatter(tmp_path / "b.png", points[:2], np.zeros(2, int))
    assert (pixels_of(tmp_path / "a.png") == pixels_of(tmp_path / "b.png")).all()


def test_no_points_give_an_empty_scatter(tmp_path: Path) -> None:
    save_scatter(tmp_path / "a.png", np.zeros((0, 2)), np.zeros(0, int))
    assert pixels_of(tmp_path / "a.png").shape == (1200, 1400, 3)


@pytest.mark.parametrize(
    ("points", "classes", "message"),
    [
        (np.zeros((3, 2)), np.zeros(2, int), r"points are \(3, 2\) of classes \(2,\)"),
        (np.zeros((3, 3)), np.zeros(3, int), r"points are \(3, 3\)"),
        (np.zeros((2, 2)), np.array([-1, 10]), "classes are -1 to 10, must be 0 or more"),
        (np.zeros((2, 2)), np.array([-1, 0]), "classes are -1 to 0"),
    ],
)
def test_a_scatter_that_does_not_fit_together_is_refused(
    tmp_path: Path, points: np.ndarray, classes: np.ndarray, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        save_scatter(tmp_path / "a.png", points, classes)


def test_tiles_stand_in_rows_with_words_above_and_below_and_no_pixel_is_blurred(tmp_path: Path) -> None:
    tiles = np.zeros((10, 2, 28, 28), np.float32)
    tiles[9, 1, 5, 7] = 0.5
    title = f"a-run, epoch 3\nsamples from {'a very long name ' * 20}"
    page = TilePage(tiles, 8, [f"caption {number}" for number in range(10)], title)
    save_tiles(tmp_path / "a.png", page)
    pixels = pixels_of(tmp_path / "a.png")
    paper, places = page.paper()
    assert pixels.shape[:2] == paper.shape
    assert len(page.lines) == 4, "the long line is broken"
    (x, y), scale = places[9], page.scale
    top, left = y - 28 * scale, x - 14 * scale
    grey = np.argwhere(np.abs(pixels[..., 0] - 128) < 2)
    grey = grey[(grey >= (top, left)).all(axis=1) & (grey < (y, left + 28 * scale)).all(axis=1)]
    assert grey.min(axis=0).tolist() == [top + 5 * scale, left + 7 * scale]
    assert len(grey) == scale**2
    words = [(pixels[y : y + 30, x - 60 : x + 60] < 128).any() for x, y in places]
    assert all(words)
    assert (pixels[: 4 * 30] < 128).any()
    assert (pixels[: 4 * 30, [0, -1]] > 250).all(), "the title is not cut"


def test_few_tiles_leave_room_for_their_title(tmp_path: Path) -> None:
    page = TilePage(np.zeros((1, 1, 28, 28), np.float32), 1, [""], "a-run\nsamples from the prior N(0, I), seed 0")
    save_tiles(tmp_path / "a.png", page)
    assert len(page.lines) == 2
    assert pixels_of(tmp_path / "a.png").shape[1] / DPI > 4


def run_python(code: str, *arguments: str, **environment: str) -> str:
    ran = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert ran.stderr == ""
    return ran.stdout.strip()


def test_plots_need_no_display_and_choose_no_backend(tmp_path: Path) -> None:
    code = """
import sys, threading
import numpy as np
from pathlib import Path
from tui.export_plots import Panel, save_curves
from tui.drawing.plots.curves import Curve
curves = [Curve("a", np.arange(9.0), np.arange(9.0), "red")]
thread = threading.Thread(target=save_curves, args=(Path(sys.argv[1]), [Panel("loss", curves)]))
thread.start()
thread.join()
print("matplotlib.pyplot" in sys.modules)
"""
    path = tmp_path / "a.png"
    assert run_python(code, str(path), MPLBACKEND="tkagg", DISPLAY="") == "False"
    assert pixels_of(path).shape == (900, 1600, 3)
