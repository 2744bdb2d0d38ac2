"""What `e` writes is what is seen: the range, the classes, the scale, the run; a table may hold more and says so."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from textual.pilot import Pilot

from tests.support.explorers import FakeExplorer, FakeExplorers
from tests.support.screens import press, shown, until
from tests.support.snapshots import OTHER, RUN
from tui import export_plots, formatting
from tui.app import VaeTui
from tui.screens.inspect.reconstruct import ReconstructScreen
from tui.widgets.gallery import Gallery
from tui.widgets.plot import Plot
from tui.widgets.scatter import Scatter


@pytest.fixture
def figures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Figure]]:
    """The figures that are drawn into files of an empty folder."""
    monkeypatch.chdir(tmp_path)
    drawn: list[Figure] = []
    make = export_plots._figure

    def remember(*arguments: Any) -> Figure:
        drawn.append(make(*arguments))
        return drawn[-1]

    monkeypatch.setattr(export_plots, "_figure", remember)
    yield drawn


async def written(pilot: Pilot[None], count: int) -> list[Path]:
    """The files that `e` writes."""
    app = pilot.app
    assert isinstance(app, VaeTui)
    before = len(app.exported)
    await press(pilot, "e")
    await until(pilot, lambda: len(app.exported) == before + count, "the files")
    return app.exported[before:]


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def plotted(axes: Axes) -> tuple[float, float]:
    """The smallest and the largest x of what is drawn."""
    x = np.concatenate([np.asarray(line.get_xdata(), float) for line in axes.lines])
    return x.min(), x.max()


async def test_curves_are_written_in_the_range_and_at_the_scale_that_is_seen(
    run_app: VaeTui, figures: list[Figure]
) -> None:
    async with run_app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "2", "left_square_bracket", "left_square_bracket", "y", "y", "y", "m")
        plot = run_app.screen.query_one("#loss", Plot)
        assert plot.shown.x_range
        low, high = plot.shown.x_range
        picture, everything = await written(pilot, 2)
        assert picture.suffix == ".png"
        axes = figures[0].axes[0]
        assert axes.get_xlim() == pytest.approx((low, high))
        assert axes.get_yscale() == "log"
        assert low <= plotted(axes)[0]
        assert "smoothed 0.6" in [text.get_text() for legend in [axes.get_legend()] if legend for text in legend.texts]
        assert figures[0].get_suptitle() == "vae-mnist"
        rows = table(everything)
        assert {row["shown"] for row in rows} == {"0", "1"}
        assert all((row["shown"] == "1") == (low <= float(row["epoch"]) <= high) for row in rows)
        (note,) = run_app._notifications
        assert "its column shown says" in note.message


async def test_the_curves_of_two_runs_name_both(run_app: VaeTui, figures: list[Figure]) -> None:
    async with run_app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "6", "y", "y", "y")
        await written(pilot, 2)
        assert figures[0].get_suptitle() == "vae-mnist and ae-mnist"
        assert figures[0].axes[0].get_yscale() == "log"


async def test_points_are_written_with_the_view_and_the_classes_that_are_seen(
    run_app: VaeTui, figures: list[Figure]
) -> None:
    async with run_app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "5", "c", "3", "c", "7", "plus", "plus", "L")
        scatter = run_app.screen.query_one(Scatter)
        _, everything = await written(pilot, 2)
        (axes,) = figures[0].axes
        assert axes.get_xlim() == pytest.approx(scatter.view.x)
        assert axes.get_ylim() == pytest.approx(scatter.view.y)
        assert axes.get_title().startswith("vae-mnist\nLDA of validation")
        rows = table(everything)
        assert len(rows) == FakeExplorer.TOTAL
        seen = [row for row in rows if row["shown"] == "1"]
        assert 0 < len(seen) < len(rows)
        assert {row["class"] for row in seen} <= set("01245689")
        points = np.asarray(axes.collections[0].get_offsets())
        assert len(points) == len(seen)
        assert not {"3", "7"} & {text.get_text() for text in axes.texts}


async def test_the_planes_of_two_runs_are_written_as_each_is_seen(run_app: VaeTui, figures: list[Figure]) -> None:
    async with run_app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "6", "v", "v", "v")
        left, right = run_app.screen.query(Scatter)
        left.toggle_digit(4)
        await written(pilot, 4)
        for figure, scatter, run in zip(figures, (left, right), (RUN, OTHER), strict=True):
            (axes,) = figure.axes
            assert axes.get_xlim() == pytest.approx(scatter.view.x)
            assert axes.get_title().startswith(f"{run.name}\n")
            assert ("4" in {text.get_text() for text in axes.texts}) == (scatter is right)


async def test_of_samples_those_that_are_seen_are_written(run_app: VaeTui, figures: list[Figure]) -> None:
    async with run_app.run_test(size=(120, 40)) as pilot:
        for keys in ((), ("4", "z"), ("z",)):
            await press(pilot, *(keys or ["4"]))
            gallery = run_app.screen.query_one(Gallery)
            tiling = gallery.tiling((1, 28, 28))
            assert tiling
            (picture,) = await written(pilot, 1)
            count = min(32, tiling.capacity)
            columns, rows = min(tiling.columns, count), -(-count // tiling.columns)
            title, *below = figures[-1].axes[0].texts
            assert title.get_text().startswith(f"{RUN.name}\nsamples from ")
            places = [caption.get_position() for caption in below]
            assert (len({x for x, _ in places}), len({y for _, y in places}), len(places)) == (columns, rows, count)
            assert picture.read_bytes().startswith(b"\x89PNG")


async def test_what_is_written_is_what_was_seen_when_the_key_was_pressed(
    run_app: VaeTui, explorers: FakeExplorers, figures: list[Figure]
) -> None:
    async with run_app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "3")
        seen = shown(run_app, ReconstructScreen).page
        assert seen
        expected = formatting.page_captions(seen)
        explorers[OTHER].gate.clear()
        await pilot.press("e")
        run_app.selected_run = OTHER
        await until(pilot, lambda: run_app.exported, "the file")
        (picture,) = run_app.exported
        assert picture.name.startswith("vae-mnist-")
        _, *written_captions = figures[-1].axes[0].texts
        assert [caption.get_text() for caption in written_captions] == expected
        await pilot.press("e")
        await until(pilot, lambda: "nothing to export" in [*run_app._notifications][-1].message, "the word")
        explorers[OTHER].gate.set()
