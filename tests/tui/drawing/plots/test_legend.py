"""A legend tells runs apart, says train and validation of each, and counts what it has no room for."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.support.drawing import BLUE, cell
from tui.drawing.plots.curves import Curve
from tui.drawing.plots.legend import clip
from tui.drawing.plots.plot import draw_curves
from tui.run_looks import color_of
from tui.terminal.capabilities import ColorDepth

X = np.arange(61.0)


def runs(count: int) -> list[Curve]:
    """Training and validation of so many runs."""
    names = [f"a-run-with-a-long-name-{number}" for number in range(count)]
    looks: list[Any] = [{"short": name, "color": color_of(at), "place": at} for at, name in enumerate(names)]
    lines = [Curve(look["short"], X, 30 + look["place"] - X / 6, dim=True, **look) for look in looks]
    ends = X[10::10]
    points = [Curve("", ends, 31 + look["place"] - ends / 6, style="marked", **look) for look in looks]
    return [*lines, *points]


def header(curves: list[Curve], width: int, height: int = 14, cursor: float | None = None) -> str:
    drawn = draw_curves(curves, width, height, title="loss", cursor=cursor, x_range=(0, 60))
    return " ".join(strip.text.strip() for strip in drawn.strips[: max(1, height // 8)])


def test_names_get_shorter_and_what_has_no_room_is_counted() -> None:
    assert header(runs(2), 80) == "loss  ⠤●⠤ a-run-with-a-long-name-0  ⠤◆⠤ a-run-with-a-long-name-1"
    assert header(runs(4), 52) == "loss ● a-r…me-0 ◆ a-r…me-1 ▲ a-r…me-2 ■ a-r…me-3"
    assert header(runs(8), 52) == "loss ● a-r…me-0 ◆ a-r…me-1 ▲ a-r…me-2 +5 more"
    assert header(runs(8), 14) == "loss +8 more"


def test_short_names_of_runs_differ() -> None:
    names = ("vae-mnist", "vae-post-mnist", "a", "ae-mnist")
    assert [*clip(names, "…").values()] == ["vae-mni…", "vae-pos…", "a", "ae-mnist"]
    alike = ("sweep-beta-0.3-mnist-5k", "sweep-beta-0.7-mnist-5k", "sweep-beta-1-mnist-5k")
    assert [*clip(alike, "…").values()] == ["…0.3-mni", "…0.7-mni", "…1-mnist"]
    assert clip((), "…") == {}


def test_the_values_at_the_cursor_are_those_of_training_and_validation_of_each_run() -> None:
    wide = header(runs(2), 110, cursor=30.0)
    assert "⠤●⠤ a-run-with-a-long-name-0 train 25 val 26" in wide
    assert "⠤◆⠤ a-run-with-a-long-name-1 train 26 val 27" in wide
    assert header(runs(3), 60, cursor=30.0) == "loss ● a-r…me-0 25/26 ◆ a-r…me-1 26/27 ▲ a-r…me-2 27/28"
    assert header(runs(3), 50, cursor=30.0) == "loss ⠤●⠤ 25 val 26 ⠤◆⠤ 26 val 27 ⠤▲⠤ 27 val 28"
    assert header(runs(3), 40, cursor=30.0) == "loss ●25/26 ◆26/27 ▲27/28"
    assert header(runs(8), 40, cursor=30.0) == "loss ●25/26 ◆26/27 ▲27/28 ■28/29 +4 more"


def test_training_is_faint_beside_validation_and_its_name_is_not() -> None:
    strips = draw_curves(runs(1), 60, 14, title="loss").strips
    names = [segment for segment in strips[0] if "a-run" in segment.text]
    assert [segment.style.dim for segment in names if segment.style] == [False]
    dots = [segment for strip in strips[1:-2] for segment in strip if set(segment.text) & set("⠤⠒⠉⠑⠢⣀⠔")]
    assert any(segment.style and segment.style.dim for segment in dots)


def test_validation_of_every_run_is_dots_in_ascii() -> None:
    for place, line in ((0, "*"), (1, "+"), (2, "-")):
        training, validation = runs(3)[place], runs(3)[3 + place]
        glyphs = [
            {
                sign
                for strip in draw_curves([curve], 60, 12, depth=ColorDepth.ASCII).strips[1:-2]
                for sign in strip.text[6:]
            }
            for curve in (training, validation)
        ]
        assert line in glyphs[0]
        assert line not in glyphs[1]
        assert "." in glyphs[1]


def test_a_line_between_measurements_that_are_far_apart_is_faint_and_each_has_its_mark() -> None:
    for count, faint in ((6, True), (60, False)):
        x = np.linspace(1, 60, count)
        strips = draw_curves([Curve("val", x, 20 - x / 60, BLUE, "marked")], 80, 12, x_range=(0, 60)).strips[1:-2]
        joined = [segment for strip in strips for segment in strip if "⠒" in segment.text or "⠤" in segment.text]
        assert {bool(segment.style and segment.style.dim) for segment in joined} == {faint}
        marks = sum(strip.text.count("●") for strip in strips)
        assert marks == 6 if faint else 6 <= marks < 9


def test_the_band_of_seeds_has_no_holes() -> None:
    y = 20 + np.sin(X / 4)
    curve = Curve("seeds", X, y, BLUE, place=0, band=(y - 3, y + 3))
    for depth in (ColorDepth.TRUECOLOR, ColorDepth.EIGHT_BIT):
        strips = draw_curves([curve], 70, 20, depth=depth, x_range=(0, 60)).strips[2:-2]
        for column in range(6, 69):
            shaded = [row for row in range(len(strips)) if cell(strips, column, row)[1].bgcolor is not None]
            assert len(shaded) >= 8
            assert shaded == [*range(shaded[0], shaded[-1] + 1)]
    strips = draw_curves([curve], 70, 20, depth=ColorDepth.NONE).strips
    assert sum(strip.text.count("░") for strip in strips[2:-2]) > 100


def test_the_chart_that_keys_are_about_has_its_title_reversed() -> None:
    for depth, title in ((ColorDepth.TRUECOLOR, "loss"), (ColorDepth.NONE, "loss"), (ColorDepth.ASCII, "> loss")):
        strips = draw_curves(runs(1), 60, 14, title="loss", depth=depth, is_focused=True).strips
        assert strips[0].text.startswith(title)
        assert all((cell(strips, x, 0)[1].reverse or False) == (x < len(title)) for x in range(10))


def test_where_the_cursor_is_is_said_in_as_many_words_as_fit() -> None:
    said = "epoch 60.00, step 28,139, 39 m, 18:41:04"
    for width, words in (
        (80, said),
        (36, "epoch 60.00, step 28,139, 39 m"),
        (30, "epoch 60.00, step 28,139"),
        (20, "epoch 60.00"),
    ):
        drawn = draw_curves(runs(1), width, 14, x_label=said, cursor=60.0)
        assert drawn.strips[-2].text.endswith(f" {words}")
