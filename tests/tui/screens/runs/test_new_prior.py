"""The form of a new run where that is a learned prior: what it needs of its first stage."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Label, Select

from core.data import download
from core.runs.config import make_config, write_json
from core.runs.run import Run
from tests.support.screens import MakeApp, screen_text
from tests.tui.screens.runs.test_new_run import SIZES, settle
from tui.app import VaeTui
from tui.screens.runs.form.images import first_stages
from tui.screens.runs.new_run import NewRun


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*values: object) -> None:
        raise AssertionError("the network is asked")

    monkeypatch.setattr(download, "download", fail)


def make_first_stage(runs_dir: Path, name: str, **values: object) -> Run:
    run = Run.create(runs_dir, name, make_config(**({"preset": "ae", "device": "cpu"} | values)))
    run.write_weights(b"weights")
    return run


async def choose(app: VaeTui, pilot: Pilot[None], **values: str) -> None:
    for name, value in values.items():
        app.screen.query_one(f"#{name}", Select).value = value
        await settle(pilot)


@pytest.mark.parametrize("size", SIZES)
async def test_images_that_the_first_stage_cannot_have_are_refused_in_sight(
    make_app: MakeApp, tmp_path: Path, no_network: None, size: tuple[int, int]
) -> None:
    make_first_stage(tmp_path / "checkpoints", "held", dataset="mnist", holdout=12_000)
    app = make_app(runs=[])
    async with app.run_test(size=size) as pilot:
        await pilot.press("n")
        await settle(pilot)
        await choose(app, pilot, preset="prior", dataset="mnist-5k")
        shown = " ".join(screen_text(app).replace("│", " ").split())
        assert "holdout must be at most 3600 for mnist-5k, not 12000: that of held" in shown
        await pilot.press("ctrl+s")
        await settle(pilot)
        assert isinstance(app.screen, NewRun)
        assert "holdout must be at most" in screen_text(app)
        await choose(app, pilot, dataset="mnist")
        assert "holdout must be" not in screen_text(app)


@pytest.mark.parametrize("size", SIZES)
async def test_a_prior_whose_images_are_not_on_disk_is_told_so_before_anything_is_downloaded(
    make_app: MakeApp, tmp_path: Path, no_network: None, size: tuple[int, int]
) -> None:
    runs_dir = tmp_path / "checkpoints"
    make_first_stage(runs_dir, "ae-mnist", dataset="mnist")
    app = make_app(runs=[])
    async with app.run_test(size=size) as pilot:
        await pilot.press("n")
        await settle(pilot)
        await choose(app, pilot, preset="prior")
        answer = "mnist, as of ae-mnist, is not on disk: choose mnist to download it, or mnist-5k"
        assert answer in str(app.screen.query_one("#message-dataset", Label).render())
        await pilot.press("ctrl+s")
        await settle(pilot)
        assert app.focused is app.screen.query_one("#dataset")
        assert answer in " ".join(screen_text(app).replace("│", " ").split())
        assert [path.name for path in runs_dir.iterdir()] == ["ae-mnist"]


async def test_first_stages_whose_images_are_on_disk_are_offered_first_and_unknown_ones_not(
    make_app: MakeApp, tmp_path: Path, no_network: None
) -> None:
    runs_dir = tmp_path / "checkpoints"
    make_first_stage(runs_dir, "a-mnist", dataset="mnist")
    make_first_stage(runs_dir, "b-small", dataset="mnist-5k")
    newer = make_first_stage(runs_dir, "c-newer", dataset="mnist-5k")
    write_json(newer.path / "config.json", newer.config().model_copy(update={"dataset": "svhn"}))
    app = make_app(runs=[])
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("n")
        await settle(pilot)
        await choose(app, pilot, preset="prior")
        stages = app.screen.query_one("#first_stage", Select)
        assert stages.value == "b-small"
        assert [value for _, value in stages._options if isinstance(value, str)] == ["b-small", "a-mnist"]


def test_a_run_whose_images_are_nowhere_is_offered_last_or_not_at_all(tmp_path: Path) -> None:
    make_first_stage(tmp_path, "here", dataset="mnist-5k")
    for name, path in (("gone", str(tmp_path / "gone")), ("nobody", "~nobody-of-this-name/x"), ("odd", "/a\0b")):
        make_first_stage(tmp_path, name, dataset="folder", data_dir=path)
    assert [name for name, _ in first_stages(tmp_path, tmp_path)] == ["here", "gone"]
