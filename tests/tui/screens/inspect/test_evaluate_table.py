"""The figures of screen 7, as a table and as files."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion
from textual.app import App, ComposeResult
from textual.geometry import Size

from core.evaluation.results import METRIC_DESCRIPTIONS
from core.runs.architecture.presets import PRESETS
from tests.support.explorers import FakeEvaluator
from tests.support.readers import Readers
from tests.support.screens import MakeApp, answered, press, screen_text, until
from tests.support.snapshots import OTHER, RUN, run_update_of
from tests.tui.screens.inspect.evaluating import opened, row
from tui.app import VaeTui
from tui.messages import RunUpdate
from tui.widgets.facts.metrics_table import MetricsTable, SamplerColumn

SIZES = [(80, 24), (120, 40)]


SAMPLERS_OF_VAE = PRESETS["vae"].samplers


NOT_YET = "enter measures these metrics"


@pytest.fixture
def evaluator() -> FakeEvaluator:
    return FakeEvaluator()


@pytest.fixture
def app(make_app: MakeApp, updates: Readers[RunUpdate], evaluator: FakeEvaluator) -> VaeTui:
    updates.first = run_update_of
    return make_app(runs=[], evaluator=evaluator)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("keys", [(), ("enter",), ("enter", "z", "enter")], ids=["before", "one", "two"])
async def test_the_table_at_two_sizes(
    app: VaeTui, snapshot: SnapshotAssertion, keys: tuple[str, ...], size: tuple[int, int]
) -> None:
    async with opened(app, *keys, size=size):
        assert screen_text(app) == snapshot


@pytest.mark.parametrize("size", SIZES)
async def test_all_samplers_side_by_side(app: VaeTui, snapshot: SnapshotAssertion, size: tuple[int, int]) -> None:
    async with opened(app, *["enter", "z"] * 4, size=size) as pilot:
        await press(pilot, *["z"] * (len(SAMPLERS_OF_VAE) - 4))
        assert row(app, "frechet samples")[:8] == ["15.50", "0.12", "18.50", "0.12", "14.50", "0.12", "17.50", "0.12"]
        assert screen_text(app) == snapshot


async def test_the_chosen_sampler_is_shown_where_others_have_no_room(app: VaeTui) -> None:
    async with opened(app, *["enter", "z"] * 3, size=(60, 24)) as pilot:
        await press(pilot, *["z"] * (len(SAMPLERS_OF_VAE) - 3))
        assert row(app, "frechet samples") == ["15.50", "0.12", "18.50", "0.12"]
        await press(pilot, "z", "z")
        assert row(app, "frechet samples") == ["15.50", "0.12", "14.50", "0.12"]


@pytest.mark.parametrize("environment", [{"NO_COLOR": "1"}, {"TERM": "dumb"}, {"TERM": "xterm-256color"}])
async def test_every_figure_is_there_whatever_the_terminal_shows(
    app: VaeTui, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    async with opened(app, "enter", size=(80, 24)):
        assert row(app, "frechet samples") == ["15.50", "0.12"]
        assert row(app, "frechet floor")[:1] == ["0.06"]
        assert row(app, "elbo") == ["-614.68", "0.01"]
        assert row(app, "active units")[:1] == ["8"]


async def test_where_meanings_have_no_room_the_cursor_explains(app: VaeTui) -> None:
    async with opened(app, "enter", size=(80, 24)) as pilot:
        for meaning in list(METRIC_DESCRIPTIONS.values())[:2]:
            assert meaning in " ".join(line.strip() for line in screen_text(app).splitlines())
            await press(pilot, "down")
        await press(pilot, "up", "up", "up")
        assert app.screen.query_one(MetricsTable).cursor_row == 0
        await pilot.resize_terminal(120, 40)
        await answered(pilot)
        assert not app.screen.query_one(MetricsTable).show_cursor
        assert METRIC_DESCRIPTIONS["elbo"][:40] in screen_text(app)


async def test_in_a_small_window_the_cursor_reaches_every_figure(app: VaeTui) -> None:
    async with opened(app, "enter", "z", "enter", size=(40, 12)) as pilot:
        assert "gaussian" in screen_text(app)
        assert row(app, "frechet samples") == ["18.50", "0.12"]
        await press(pilot, *["down"] * 12)
        assert row(app, "active units") == ["8", "–"]
        assert "latent numbers whose" in screen_text(app)
        for size in ((20, 5), (1, 1), (300, 100)):
            await pilot.resize_terminal(*size)
            await answered(pilot)


async def test_what_was_measured_is_kept_for_each_number_of_samples_and_each_run(
    app: VaeTui, evaluator: FakeEvaluator
) -> None:
    async with opened(app, "enter") as pilot:
        await press(pilot, "left_square_bracket")
        assert NOT_YET in screen_text(app)
        await press(pilot, "right_square_bracket")
        assert row(app, "recall")[:2] == ["0.278", "0.002"]
        app.selected_run = OTHER
        await answered(pilot)
        assert NOT_YET in screen_text(app)
        app.selected_run = RUN
        await answered(pilot)
        assert row(app, "recall")[:2] == ["0.278", "0.002"]
        assert len(evaluator.asked) == 1


async def test_what_stands_in_for_the_images_is_said(app: VaeTui, evaluator: FakeEvaluator) -> None:
    evaluator.note = "on mnist-5k: no mnist on disk"
    async with opened(app, "enter"):
        assert "on mnist-5k: no mnist on disk" in screen_text(app)


async def test_what_is_shown_is_written_as_json_and_csv(
    app: VaeTui, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    async with opened(app, "e") as pilot:
        await until(pilot, lambda: list(app._notifications), "the word")
        assert [note.message for note in app._notifications] == ["there is nothing to export yet"]
        await press(pilot, "enter", "z", "enter", "e")
        await until(pilot, lambda: app.exported, "the files")
    assert [path.name for path in app.exported] == ["vae-mnist-evaluate.json", "vae-mnist-evaluate.csv"]
    content = json.loads(app.exported[0].read_text())
    assert [(each["run"], each["epoch"], each["sampler"]) for each in content] == [
        ("vae-mnist", 12, "prior"),
        ("vae-mnist", 12, "gaussian"),
    ]
    around = {"run", "epoch", "sampler", "wish", "samples", "dataset", "classifier"}
    around |= {"seeds", "classes", "asked", "left_out", "likelihood"}
    assert set(content[0]) == around | set(METRIC_DESCRIPTIONS)
    with app.exported[1].open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2 * len(METRIC_DESCRIPTIONS)
    told = ("sampler", "value", "std", "draws")
    assert [tuple(line[name] for name in told) for line in rows if line["figure"] == "frechet_samples"] == [
        ("prior", "15.5", "0.125", "3"),
        ("gaussian", "18.5", "0.125", "3"),
    ]
    floor = next(line for line in rows if line["figure"] == "frechet_floor")
    assert (floor["value"], floor["std"], floor["meaning"]) == ("0.06", "", METRIC_DESCRIPTIONS["frechet_floor"])


@pytest.mark.parametrize(("width", "says"), [(45, True), (38, False)])
async def test_what_is_better_is_said_in_whole_words_or_not_at_all(width: int, says: bool) -> None:
    class Shown(App[None]):
        def compose(self) -> ComposeResult:
            yield MetricsTable()

    async with Shown().run_test(size=(width, 10)) as pilot:
        column = SamplerColumn("prior", None, 1)
        pilot.app.query_one(MetricsTable).show({"elbo": "", "iwae": ""}, [column], Size(width, 10))
        await pilot.pause()
        assert ("less, ↑ more is better " in screen_text(pilot.app)) == says
        assert ("less" in screen_text(pilot.app)) == says
