"""Charts are switched on and off, stand where there is room, and the choice is kept from one use to the next."""

from __future__ import annotations

from pathlib import Path

import pytest

from core import folders
from core.errors import DamagedFile
from tests.support.screens import MakeApp, press, screen_text, settle, until
from tests.support.snapshots import make_snapshot
from tui.screens.charts import memory
from tui.screens.charts.layout import Layout, arrange
from tui.series import CurveOptions
from tui.widgets.plot import Plot

KEYS = ("loss", "reconstruction", "kl", "frechet", "learning_rate", "images_per_second")


def test_charts_stand_where_there_is_room() -> None:
    assert arrange(KEYS[:3], "loss", None, 86, short=False) == Layout("loss", KEYS[1:3], 2, 1)
    assert arrange(KEYS, "loss", None, 86, short=False) == Layout("loss", KEYS[1:], 3, 2)
    assert arrange(KEYS[1:3], "loss", None, 86, short=False) == Layout(None, KEYS[1:3], 2, 1)
    assert arrange(KEYS, "loss", None, 49, short=True) == Layout("loss", ("kl", "frechet"), 2, 1)
    assert arrange(KEYS, "loss", "kl", 86, short=False) == Layout(None, ("kl",))
    assert arrange(KEYS, "loss", "loss", 86, short=False) == Layout("loss", ())


def test_choices_are_kept_and_what_is_damaged_is_said(tmp_path: Path) -> None:
    path = tmp_path / "charts" / "training.json"
    assert memory.read(path) is None
    choices = memory.Choices(charts=("loss",), x="trained", scale="log", weight=0.9)
    memory.write(path, choices)
    assert memory.read(path) == choices
    assert choices.options(CurveOptions()) == CurveOptions(x="trained", scale="log", weight=0.9)
    assert choices.model_copy(update={"weight": 0.123}).options(CurveOptions()).weight == 0
    path.write_text('{"charts": 7}')
    with pytest.raises(DamagedFile, match="holds no choice of charts"):
        memory.read(path)


def seen(plots: list[Plot]) -> list[str | None]:
    return [plot.id for plot in plots if plot.region]


async def test_charts_are_chosen_and_the_choice_is_there_the_next_time(
    make_app: MakeApp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folders, "state_dir", lambda: tmp_path)
    kept = tmp_path / "charts" / "training.json"
    for again in (False, True):
        app = make_app(snapshot=make_snapshot())
        app.shared.keeps_choices = True
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


async def test_a_choice_that_cannot_be_read_is_said_and_the_usual_charts_are_shown(
    make_app: MakeApp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folders, "state_dir", lambda: tmp_path)
    (tmp_path / "charts").mkdir()
    (tmp_path / "charts" / "training.json").write_text("[]")
    app = make_app(snapshot=make_snapshot())
    app.shared.keeps_choices = True
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        assert any("holds no choice of charts" in note.message for note in app._notifications)
        assert seen([*app.screen.query(Plot)]) == ["loss", "reconstruction", "kl"]
