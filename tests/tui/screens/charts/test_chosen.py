"""Charts are switched on and off, stand where there is room, and the choice is kept from one use to the next."""

from __future__ import annotations

from pathlib import Path

import pytest

from core import folders
from core.errors import DamagedFile
from core.runs.config import make_config
from tests.support.screens import MakeApp, press, screen_text, settle, until
from tests.support.snapshots import make_snapshot, make_summary
from tui.configuration.configuration import Configuration
from tui.configuration.settings import CHARTS
from tui.screens.charts import memory
from tui.screens.charts.layout import Layout, arrange
from tui.series import CurveOptions
from tui.widgets.plot import Plot

KEYS = ("loss", "reconstruction", "kl", "frechet", "learning_rate", "images_per_second")


def test_charts_stand_where_there_is_room() -> None:
    tall, short = (86, 22), (49, 21)
    assert arrange(KEYS[:3], "loss", None, tall) == Layout("loss", KEYS[1:3], 2, 1)
    assert arrange(KEYS, "loss", None, tall) == Layout("loss", KEYS[1:], 3, 2)
    assert arrange(KEYS[1:3], "loss", None, tall) == Layout(None, KEYS[1:3], 2, 1)
    assert arrange(KEYS, "loss", "kl", tall, alone=True) == Layout(None, ("kl",), left_out=(*KEYS[:2], *KEYS[3:]))
    assert arrange(KEYS, "loss", "loss", tall, alone=True) == Layout("loss", (), left_out=KEYS[1:])
    assert arrange(KEYS, "loss", None, (40, 9)) == Layout("loss", (), left_out=KEYS[1:])
    left_out = ("reconstruction", "learning_rate", "images_per_second")
    assert arrange(KEYS, "loss", None, short, short=True) == Layout("loss", ("kl", "frechet"), 2, 1, left_out)


def test_a_chart_that_has_no_room_takes_the_place_of_another_when_keys_go_on_to_it() -> None:
    layout = arrange(KEYS, "loss", "learning_rate", (49, 21), short=True)
    assert layout.below == ("kl", "learning_rate")
    assert layout.left_out == ("reconstruction", "frechet", "images_per_second")
    many = tuple(f"chart-{number}" for number in range(30))
    layout = arrange(many, "loss", "chart-29", (86, 22))
    assert (layout.columns, layout.rows, layout.below[-1]) == (3, 3, "chart-29")
    assert len(layout.below) + len(layout.left_out) == 30


def test_choices_are_settings_and_those_of_before_are_taken_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folders, "state_dir", lambda: tmp_path)
    before, path = tmp_path / "charts" / "training.json", tmp_path / "config.toml"
    assert memory.read(Configuration(path), "training").options == CurveOptions()
    assert memory.read(Configuration(path), "compare").options == CurveOptions(weight=0.9)
    before.parent.mkdir()
    before.write_text('{"charts": ["loss"], "x": "step", "scale": "log", "weight": 0.6}')
    kept = memory.read(Configuration(path), "training")
    assert (kept.charts, kept.options) == (["loss"], CurveOptions(x="step", scale="log", weight=0.6))
    configuration = Configuration(path)
    choices = memory.Choices(("kl",), CurveOptions(x="trained", scale="zero", weight=0.9))
    configuration.choose(memory.chosen("training", choices))
    configuration.write()
    kept = memory.read(Configuration(path), "training")
    assert (kept.charts, kept.options) == (["kl"], choices.options)
    path.write_text("[charts.training]\nsmoothing = 0.61")
    assert memory.read(Configuration(path), "training").options.weight == 0.6
    path.unlink()
    before.write_text('{"charts": 7}')
    with pytest.raises(DamagedFile, match="holds no choice of charts"):
        memory.read(Configuration(path), "training")


def seen(plots: list[Plot]) -> list[str | None]:
    return [plot.id for plot in plots if plot.region]


async def test_charts_are_chosen_and_the_choice_is_there_the_next_time(
    make_app: MakeApp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folders, "state_dir", lambda: tmp_path)
    kept = tmp_path / "config.toml"
    for again in (False, True):
        app = make_app(snapshot=make_snapshot())
        app.configure(Configuration(kept))
        async with app.run_test(size=(120, 40)) as pilot:
            await settle(pilot)
            if not again:
                assert seen([*app.screen.query(Plot)]) == ["loss", "reconstruction", "kl"]
                await press(pilot, "c")
                assert "[x] loss" in screen_text(app)
                assert "[ ] learning rate" in screen_text(app)
                await press(pilot, "space", "down", "space", "down", "down", "space", "enter", "y")
                await until(pilot, lambda: kept.exists() and '"all"' in kept.read_text(), "the file")
            assert seen([*app.screen.query(Plot)]) == ["kl", "learning_rate"]
            assert app.screen.query_one("#kl", Plot).shown.scale == "all"


async def test_a_chart_that_fills_the_screen_does_so_the_next_time(make_app: MakeApp, tmp_path: Path) -> None:
    kept = tmp_path / "config.toml"
    for again in (False, True):
        app = make_app(snapshot=make_snapshot())
        app.configure(Configuration(kept))
        async with app.run_test(size=(120, 40)) as pilot:
            await settle(pilot)
            if not again:
                await press(pilot, "tab", "tab", "enter")
                await until(pilot, lambda: kept.exists() and '"reconstruction"' in kept.read_text(), "the file")
            assert seen([*app.screen.query(Plot)]) == ["reconstruction"]
            assert app.screen.query_one("#reconstruction", Plot).size.width > 100
            await press(pilot, "escape")
            assert seen([*app.screen.query(Plot)]) == ["loss", "reconstruction", "kl"]
            await until(pilot, lambda: 'enlarged = ""' in kept.read_text(), "the file")
            if not again:
                await press(pilot, "enter")
                await until(pilot, lambda: 'enlarged = "r' in kept.read_text(), "the file")


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_a_run_that_has_none_of_the_chosen_charts_shows_those_it_has(
    make_app: MakeApp, tmp_path: Path, size: tuple[int, int]
) -> None:
    kept = tmp_path / "config.toml"
    kept.write_text('[charts.training]\nshown = ["reconstruction", "kl", "frechet"]\n')
    app = make_app(snapshot=make_snapshot(make_summary(config=make_config(preset="ae"))))
    app.configure(Configuration(kept))
    async with app.run_test(size=size) as pilot:
        await settle(pilot)
        assert seen([*app.screen.query(Plot)]) == ["loss"]
        assert "more:" not in screen_text(app)
        await press(pilot, "left", "down", "enter", "enter", "0", "c")
        assert "[x] loss" in screen_text(app)
        await press(pilot, "enter")
        await pilot.resize_terminal(80, 20)
        await settle(pilot)
        assert seen([*app.screen.query(Plot)]) == ["loss"]
        assert Configuration(kept)[CHARTS["training"].shown] == ("reconstruction", "kl", "frechet")
        assert not app._notifications


async def test_a_choice_that_cannot_be_read_is_said_and_the_usual_charts_are_shown(
    make_app: MakeApp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folders, "state_dir", lambda: tmp_path)
    (tmp_path / "charts").mkdir()
    (tmp_path / "charts" / "training.json").write_text("[]")
    app = make_app(snapshot=make_snapshot())
    app.configure(Configuration(tmp_path / "config.toml"))
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        assert any("holds no choice of charts" in note.message for note in app._notifications)
        assert seen([*app.screen.query(Plot)]) == ["loss", "reconstruction", "kl"]


async def test_it_is_said_which_charts_have_no_room_and_tab_goes_on_to_them(make_app: MakeApp) -> None:
    app = make_app(snapshot=make_snapshot(distances=(9, 8)))
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        assert seen([*app.screen.query(Plot)]) == ["loss", "kl", "frechet"]
        assert "1 more: tab goes on to error" in screen_text(app)
        await press(pilot, "tab", "tab")
        assert seen([*app.screen.query(Plot)]) == ["loss", "reconstruction", "kl"]
        assert app.screen.query_one("#reconstruction", Plot).shown.is_focused
        assert "1 more: tab goes on to Fréchet" in screen_text(app)
        await pilot.resize_terminal(40, 12)
        await press(pilot, "tab")
        assert seen([*app.screen.query(Plot)]) == ["kl"]
        assert "3 more: tab, or 64 columns by 22 lines" in screen_text(app)
