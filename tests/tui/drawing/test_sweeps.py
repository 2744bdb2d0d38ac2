"""Pictures of sweeps, as characters: one setting against a figure, and parallel coordinates."""

from __future__ import annotations

import math

import pytest
from syrupy.assertion import SnapshotAssertion
from textual.strip import Strip

from core.runs.choosing.outcome import Outcome, Trial
from core.runs.run import Run
from core.runs.status import State
from tests.support.snapshots import make_summary
from tui.drawing.sweeps.parallel import draw_parallel
from tui.drawing.sweeps.scale import axis_of
from tui.drawing.sweeps.scatter import draw_scatter
from tui.formatting import decimals
from tui.screens.sweeps.columns import columns_of, heading
from tui.terminal.capabilities import ColorDepth


@pytest.fixture
def found() -> Outcome:
    losses = {(0.0001, "constant"): 44.0, (0.001, "constant"): 40.0, (0.01, "constant"): 52.5, (0.001, "cosine"): 38.5}
    trials = [
        Trial(
            make_summary(f"try-lr{rate:g}-{schedule}", State.RUNNING if rate == 0.01 else State.FINISHED),
            {"learning_rate": rate, "schedule": schedule},
            {"val_loss": loss},
        )
        for (rate, schedule), loss in losses.items()
    ]
    unknown = Trial(make_summary("try-new", State.QUEUED), {"learning_rate": 0.1, "schedule": "cosine"})
    return Outcome("try", ("learning_rate", "schedule"), (*trials, unknown))


def standing(found: Outcome, chosen: int) -> tuple[list[Run], list[Run]]:
    """The best by its loss, and the run under the cursor."""
    best = found.best("val_loss")
    assert best is not None
    return [best.run], [found.trials[chosen].run]


def text(strips: list[Strip]) -> str:
    assert all(segment.style is not None for strip in strips for segment in strip), "unstyled segments end the app"
    return "\n".join(strip.text.rstrip() for strip in strips)


@pytest.mark.parametrize("depth", [ColorDepth.TRUECOLOR, ColorDepth.ASCII])
@pytest.mark.parametrize("setting", ["learning_rate", "schedule"])
def test_a_setting_against_a_figure(
    found: Outcome, snapshot: SnapshotAssertion, setting: str, depth: ColorDepth
) -> None:
    strips = draw_scatter(found, setting, "val_loss", 60, 14, depth, *standing(found, 0))
    assert {strip.cell_length for strip in strips} == {60}
    assert text(strips) == snapshot


@pytest.mark.parametrize("depth", [ColorDepth.TRUECOLOR, ColorDepth.NONE, ColorDepth.ASCII])
def test_parallel_coordinates(found: Outcome, snapshot: SnapshotAssertion, depth: ColorDepth) -> None:
    strips = draw_parallel(found, "val_loss", 60, 14, depth, *standing(found, 1))
    assert {strip.cell_length for strip in strips} == {60}
    assert text(strips) == snapshot


def test_the_best_under_the_cursor_is_one_line_of_the_legend(found: Outcome) -> None:
    strips = draw_parallel(found, "val_loss", 60, 14, ColorDepth.ASCII, *standing(found, 3))
    assert strips[0].text.rstrip() == "## best, with the cursor"


@pytest.mark.parametrize("size", [(0, 0), (5, 2), (19, 9), (21, 5), (300, 8)])
def test_any_room_is_filled(found: Outcome, size: tuple[int, int]) -> None:
    for figure in ("val_loss", "frechet"):
        for strips in (
            draw_scatter(found, "learning_rate", figure, *size, ColorDepth.NONE),
            draw_parallel(found, figure, *size, ColorDepth.NONE),
        ):
            assert [strip.cell_length for strip in strips] == [size[0]] * size[1]


def test_a_wide_range_is_drawn_by_its_logarithms() -> None:
    assert axis_of([0.001, 0.01, 0.1], 3).part(0.01) == pytest.approx(0.5)
    assert axis_of([0, 5, 10], 3).part(5) == pytest.approx(0.5)
    assert axis_of(["b", "a"], 3).ticks == {0.0: "a", 1.0: "b"}


def test_the_decimal_points_of_a_column_are_below_each_other() -> None:
    losses = {(0.001, 0): 73.7, (0.001, 1): 78.03, (0.01, 0): 104.0, (0.01, 1): 9e9}
    trials = [
        Trial(make_summary(f"try-{rate}-seed{seed}"), {"learning_rate": rate, "seed": seed}, {"val_loss": loss})
        for (rate, seed), loss in losses.items()
    ]
    found = Outcome("try", ("learning_rate", "seed"), (*trials,))
    cell = columns_of(found, [], 120, folded=False)[heading("val_loss", 120)]
    assert [cell(trial).plain for trial in trials] == ["73.70", "78.03", "104.00", "9e+09"]
    folded = columns_of(found, [], 120, folded=True)[heading("val_loss", 120)]
    assert folded(found.groups[0]).plain == "75.87 ± 3.06"
    assert decimals([0.8, 1.25]) == decimals([1e-9, math.nan]) == 4
    assert decimals([0.0]) == decimals([1.5, 70.0]) == 3
    assert decimals([math.inf, 20_000]) == 0
