"""Two runs side by side: what is shown is of these two, and each view has its own keys and its own troubles."""

from __future__ import annotations

import csv
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest
from textual.pilot import Pilot
from textual.widgets import ContentSwitcher

from core.errors import DamagedFile, RunError
from core.latents.options import SAMPLERS
from core.runs.catalog import RunSummary
from core.runs.config import make_config
from core.runs.run import Run
from tests.support.explorers import FakeExplorer, FakeExplorers
from tests.support.readers import HandFed, Readers
from tests.support.screens import MakeApp, answered, feed, screen_text, until
from tests.support.snapshots import make_run_update, make_snapshot, make_summary
from tui.app import VaeTui
from tui.messages import RunUpdate, Snapshot
from tui.screens.compare.screen import CompareScreen
from tui.screens.dialogs import ChooseRun
from tui.widgets.gallery import Gallery
from tui.widgets.plot import Plot
from tui.widgets.scatter import Scatter

RUN, OTHER, THIRD = (make_summary(name).run for name in ("vae-mnist", "ae-mnist", "third"))
KEYS = {"curves": (), "digits": ("v",), "samples": ("v", "v"), "latent": ("v", "v", "v"), "settings": ("v",) * 4}


def summary_of(run: Run) -> RunSummary:
    return make_summary(run.name, preset="ae" if run == OTHER else "vae")


class Runs:
    """What the app is told of each run, and which there are besides."""

    def __init__(self) -> None:
        self.explorers = FakeExplorers({run: FakeExplorer(run) for run in (RUN, OTHER, THIRD)})
        self.snapshots: dict[Run, HandFed[Snapshot]] = {}
        self.others = [OTHER, THIRD, RUN]

    def snapshots_of(self, run: Run) -> HandFed[Snapshot]:
        return self.snapshots.setdefault(run, HandFed(make_snapshot(summary_of(run))))

    def others_of(self, run: Run) -> list[Run]:
        return [other for other in self.others if other != run]

    def asked(self, question: str) -> list[list[tuple[object, ...]]]:
        """What both runs were asked."""
        return [[asked for asked in self.explorers[run].asked if asked[0] == question] for run in (RUN, OTHER)]


@pytest.fixture
def runs() -> Runs:
    return Runs()


@pytest.fixture
def app(make_app: MakeApp, runs: Runs, updates: Readers[RunUpdate]) -> VaeTui:
    updates.first = lambda run: make_run_update(summary_of(run))
    return make_app(runs=[], explorer=runs.explorers.of, snapshots=runs.snapshots_of, other_runs=runs.others_of)


async def press(pilot: Pilot[None], *keys: str) -> None:
    await pilot.press(*keys)
    await answered(pilot)


@asynccontextmanager
async def comparing(app: VaeTui, view: str, size: tuple[int, int] = (120, 40)) -> AsyncIterator[Pilot[None]]:
    """The app with one view of two runs."""
    async with app.run_test(size=size) as pilot:
        app.selected_run = RUN
        await press(pilot, "6")
        await until(pilot, lambda: len(screen_of(app)._snapshots) == 2, "both snapshots")
        for key in KEYS[view]:
            await press(pilot, key)
        assert screen_of(app).view.title == view
        yield pilot


def screen_of(app: VaeTui) -> CompareScreen:
    assert isinstance(app.screen, CompareScreen)
    return app.screen


def heading(app: VaeTui) -> str:
    return screen_text(app).splitlines()[1]


async def test_views_follow_each_other_both_ways(app: VaeTui) -> None:
    async with comparing(app, "curves") as pilot:
        for key, view in (
            ("v", "digits"),
            ("v", "samples"),
            ("shift+tab", "digits"),
            ("shift+tab", "curves"),
        ):
            await press(pilot, key)
            assert app.screen.query_one("#views", ContentSwitcher).current == view
            assert f"vae-mnist and ae-mnist  {view}" in heading(app)


@pytest.mark.parametrize(
    ("view", "keys"),
    [
        ("curves", {"y", "m", "pageup"}),  # pages move the cursor of curves
        ("digits", {"pagedown", "full_stop"}),
        ("samples", {"z", ">"}),
        ("latent", {"o"}),
        ("settings", set()),
    ],
)
async def test_keys_of_other_views_do_nothing(app: VaeTui, runs: Runs, view: str, keys: set[str]) -> None:
    async with comparing(app, view) as pilot:
        asked = [len(explorer.asked) for explorer in runs.explorers.values()]
        before = screen_text(app)
        for key in ("y", "m", "pagedown", "full_stop", "z", ">", "o"):
            if key not in keys and not (view == "curves" and key in ("pagedown", "full_stop")):
                await pilot.press(key)
        await answered(pilot)
        assert screen_text(app) == before
        assert [len(explorer.asked) for explorer in runs.explorers.values()] == asked
        for key in sorted(keys):
            await press(pilot, key)
            assert screen_text(app) != before
            before = screen_text(app)


async def test_curves_bear_the_names_of_their_runs_and_differ_in_shape(app: VaeTui) -> None:
    async with comparing(app, "curves") as pilot:
        plot = app.screen.query_one("#loss", Plot)
        assert [(curve.label, curve.style, curve.place) for curve in plot.shown.curves] == [
            ("vae-mnist", "line", 0),
            ("ae-mnist", "line", 1),
            ("", "marked", 0),
            ("", "marked", 1),
        ]
        assert plot.shown.curves[0].color == plot.shown.curves[2].color != plot.shown.curves[1].color
        await press(pilot, "y", "m")
        assert plot.shown.scale == "all"
        assert plot.shown.curves[0].y[-1] != make_snapshot().steps["loss"][-1]


async def test_keys_of_curves_are_there_while_curves_are_seen_only(app: VaeTui) -> None:
    async with comparing(app, "curves") as pilot:
        await press(pilot, "tab")
        assert screen_of(app).view.title == "curves"
        assert app.screen.query_one("#loss", Plot).shown.is_focused
        await press(pilot, "left")
        assert "epoch 2.50, step 1,172" in screen_text(app)
        assert "smoothed 0.9" in heading(app)
        await press(pilot, "m")
        assert "smoothed 0.95" in heading(app)
        await press(pilot, "v", "1", "6")
        assert screen_of(app).view.title == "digits"
        assert "y axis" not in screen_text(app)


async def test_curves_grow_with_either_run(app: VaeTui, runs: Runs) -> None:
    async with comparing(app, "curves") as pilot:
        plot = app.screen.query_one("#loss", Plot)
        for place, run in enumerate((RUN, OTHER)):
            await feed(pilot, runs.snapshots[run], make_snapshot(summary_of(run), steps=30))
            assert len(plot.shown.curves[place].x) == 30


async def test_both_errors_of_a_digit_are_said_in_80_columns_too(app: VaeTui, runs: Runs) -> None:
    runs.explorers[OTHER].faintness = 0.25
    async with comparing(app, "digits", (80, 24)) as pilot:
        words = [line.split() for line in screen_text(app).splitlines()]
        assert any("27.0" in line for line in words)
        assert any("60.8" in line for line in words)
        await pilot.resize_terminal(120, 40)
        await answered(pilot)
        assert "27.0  60.8" in screen_text(app)
        assert "their errors" in heading(app)


async def test_both_runs_are_given_the_same_digits_and_the_same_seed(app: VaeTui, runs: Runs) -> None:
    async with comparing(app, "digits") as pilot:
        (pages, _), (_, rebuilt) = runs.asked("page"), runs.asked("reconstruct")
        assert pages[-1][2] == rebuilt[-1][1]
        await press(pilot, "v", ">", ">")
        left, right = runs.asked("samples")
        assert (left[-1], right[-1]) == (("samples", "prior", 20, 2, 1.0), ("samples", "gaussian", 20, 2, 1.0))
        assert f"{SAMPLERS['prior']} and {SAMPLERS['gaussian']}, seed 2" in heading(app)
        one, two = app.screen.query("#samples Gallery").results(Gallery)
        assert one._tiles is not None
        assert (one._tiles == two._tiles).all()


async def test_digits_are_turned_by_pages_within_the_set(app: VaeTui, runs: Runs) -> None:
    async with comparing(app, "digits") as pilot:
        firsts = []
        for key in ("pageup", "pagedown", "full_stop", "comma"):
            await press(pilot, key)
            firsts.append(runs.explorers[RUN].asked[-1][1])
        assert firsts == [0, 8, 16, 8]
        await pilot.press(*["pagedown"] * 26)
        await answered(pilot)
        assert runs.explorers[RUN].asked[-1][1] == FakeExplorer.TOTAL - 8


@pytest.mark.parametrize(
    ("presses", "words"),
    [
        (0, "LDA, held-out accuracy 87.5% | 87.5%"),
        (1, "PCA, explains 32% + 22% | 32% + 22%"),
        (2, "latent: latent numbers 0 and 1"),
    ],
)
async def test_a_plane_says_what_it_is_worth_in_both_runs(app: VaeTui, presses: int, words: str) -> None:
    async with comparing(app, "latent", (80, 24)) as pilot:
        await press(pilot, *["o"] * presses)
        assert words in heading(app)
        assert "|   " not in heading(app)
        one, two = app.screen.query("#latent Scatter").results(Scatter)
        assert one.view == two.view


async def test_settings_that_differ_are_marked_and_counted(app: VaeTui, runs: Runs) -> None:
    later = make_snapshot(make_summary("ae-mnist", preset="ae", validation=(2, 39.25)))
    runs.snapshots[OTHER] = HandFed(later)
    async with comparing(app, "settings") as pilot:
        marked = [line.split()[1:] for line in screen_text(app).splitlines() if "≠" in line]
        assert marked == [
            ["preset", "vae", "ae"],
            ["learning", "rate", "0.003", "0.001"],
            ["schedule", "cosine", "constant"],
            ["beta", "0.4", "1"],
            ["parameters", "53,037", "51,357"],
            ["validation", "loss,", "other", "sums", "40.50", "39.25"],
        ]
        assert "6 of " in heading(app)
        assert "differ" in heading(app)
        await pilot.resize_terminal(40, 12)
        await answered(pilot)
        await press(pilot, "end")
        assert "39.25" in screen_text(app)


# Which runs


async def test_what_is_shown_of_two_runs_goes_when_another_is_chosen(app: VaeTui, runs: Runs) -> None:
    async with comparing(app, "samples") as pilot:
        runs.explorers[THIRD].gate.clear()
        await press(pilot, "enter")
        assert isinstance(app.screen, ChooseRun)
        await pilot.press("down", "enter")
        await until(pilot, lambda: runs.explorers[THIRD].asked, "the question")
        assert "vae-mnist and third" in heading(app)
        galleries = list(app.screen.query("#samples Gallery").results(Gallery))
        assert [gallery._tiles for gallery in galleries] == [None, None]
        runs.explorers[THIRD].gate.set()
        await answered(pilot)
        assert galleries[1]._tiles is not None


async def test_curves_of_the_runs_before_are_neither_shown_nor_written(
    app: VaeTui, runs: Runs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    async with comparing(app, "curves") as pilot:
        runs.snapshots[THIRD] = HandFed()
        screen_of(app).action_choose_other()  # enter enlarges a chart
        await answered(pilot)
        await pilot.press("down", "enter")
        await pilot.pause()
        assert "vae-mnist and third" in heading(app)
        assert app.screen.query_one("#loss", Plot).shown.curves == ()
        await pilot.press("e")
        await until(pilot, lambda: list(app._notifications), "the word")
        assert [note.message for note in app._notifications] == ["there is nothing to export yet"]
    assert list(tmp_path.glob("*.png")) == []


async def test_the_late_answer_of_a_run_that_was_compared_is_not_shown(app: VaeTui, runs: Runs) -> None:
    runs.explorers[OTHER].gate.clear()
    async with app.run_test(size=(120, 40)) as pilot:
        app.selected_run = RUN
        await pilot.press("6", "v")
        await until(pilot, lambda: runs.explorers[OTHER].times("reconstruct"), "the question")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, ChooseRun), "the question")
        await pilot.press("down", "enter")
        runs.explorers[THIRD].gate.clear()
        runs.explorers[OTHER].gate.set()
        await until(pilot, lambda: runs.explorers[THIRD].times("reconstruct"), "the next question")
        gallery = app.screen.query_one("#digits Gallery", Gallery)
        assert gallery._tiles is None
        runs.explorers[THIRD].gate.set()
        await answered(pilot)
        assert "vae-mnist and third" in heading(app)
        assert gallery._tiles is not None


async def test_swapped_runs_keep_their_own(app: VaeTui, runs: Runs) -> None:
    runs.explorers[OTHER].faintness = 0.25
    async with comparing(app, "digits") as pilot:
        await press(pilot, "tilde")
        assert app.selected_run == RUN  # on the other screens nothing changes
        assert "ae-mnist and vae-mnist" in heading(app)
        assert "61  27" in screen_text(app) or "60.8  27.0" in screen_text(app)
        tiles = app.screen.query_one("#digits Gallery", Gallery)._tiles
        assert tiles is not None
        assert np.allclose(tiles[:, 1:3].max(axis=(0, 2, 3)), [0.25, 0.5])


async def test_newer_weights_of_the_other_run_are_looked_at(app: VaeTui, runs: Runs) -> None:
    async with comparing(app, "samples") as pilot:
        times = runs.explorers[OTHER].times("samples")
        runs.snapshots[OTHER].waiting.append(make_snapshot(summary_of(OTHER), weights=1))
        runs.snapshots[OTHER].waiting.append(make_snapshot(summary_of(OTHER), weights=2))
        await until(pilot, lambda: runs.explorers[OTHER].times("samples") > times, "the question")
        await answered(pilot)
        assert runs.explorers[OTHER].times("samples") == times + 1


async def test_a_run_that_appears_is_found_when_the_screen_is_looked_at_again(app: VaeTui, runs: Runs) -> None:
    runs.others = [RUN]
    async with app.run_test(size=(120, 40)) as pilot:
        app.selected_run = RUN
        await press(pilot, "6")
        assert "there is no other run to compare with; n starts one" in heading(app)
        await press(pilot, "v", "enter")
        assert "there is no other run" in screen_text(app)
        await press(pilot, "escape", "tilde", "v")
        assert "there is no other run to compare with; n starts one" in screen_text(app).splitlines()[20]
        await press(pilot, "4")
        runs.others = [RUN, OTHER]
        await pilot.press("6")
        await until(pilot, lambda: runs.explorers[OTHER].times("samples"), "the question")
        await answered(pilot)
        assert "vae-mnist and ae-mnist" in heading(app)


# Troubles


async def test_a_model_that_is_damaged_does_not_concern_curves_and_settings(app: VaeTui, runs: Runs) -> None:
    runs.explorers[OTHER].gate.clear()
    runs.explorers[OTHER].fail = DamagedFile(Path("ae-mnist/model.safetensors"), "holds no ae model")
    async with app.run_test(size=(120, 40)) as pilot:
        app.selected_run = RUN
        await pilot.press("6", "v")
        await until(pilot, lambda: runs.explorers[OTHER].asked, "the question")
        await pilot.press("shift+tab")
        runs.explorers[OTHER].gate.set()
        await answered(pilot)
        await until(pilot, lambda: app.screen.query_one("#loss", Plot).shown.curves, "the curves")
        assert "holds no ae model" not in screen_text(app)
        assert "vae-mnist and ae-mnist  curves" in heading(app)
        await press(pilot, *["v"] * 4)
        assert "≠" in screen_text(app)
        await press(pilot, "v", "v", "v")
        assert "holds no ae model" in heading(app)


async def test_the_run_without_weights_is_named(
    app: VaeTui, runs: Runs, updates: Readers[RunUpdate], tmp_path: Path
) -> None:
    with pytest.raises(RunError) as missing:
        Run.create(tmp_path, OTHER.name, make_config(dataset="mnist-5k")).read_weights()
    runs.explorers[OTHER].fail = missing.value
    async with comparing(app, "latent") as pilot:
        assert "ae-mnist has no weights yet: the trainer saves them soon after it starts" in screen_text(app)
        runs.explorers[OTHER].fail = None
        await feed(pilot, updates.last, make_run_update(weights_version=2))
        assert "no weights" not in screen_text(app)


# Files


async def test_settings_are_written_as_a_table_under_the_names_of_the_runs(
    app: VaeTui, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    async with comparing(app, "settings") as pilot:
        await pilot.press("e")
        await until(pilot, lambda: app.exported, "the file")
    (path,) = app.exported
    assert path.name == "vae-mnist-compare-ae-mnist-settings.csv"
    with path.open(newline="") as file:
        rows = {row["setting"]: (row["vae-mnist"], row["ae-mnist"]) for row in csv.DictReader(file)}
    assert rows["preset"] == ("vae", "ae")
    assert rows["validation loss, other sums"] == ("40.50", "40.50")
