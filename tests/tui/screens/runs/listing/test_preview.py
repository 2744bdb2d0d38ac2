"""The pane beside the list: what it shows of the run under the cursor, and that it waits until the cursor rests."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from core.runs.catalog import summarise_whole
from core.runs.choosing.groups import RunGroup
from core.runs.config import make_config
from core.runs.keeping.names import rename
from core.runs.keeping.notes import Notes, write_notes
from core.runs.run import Run
from tests.support.readers import Pictures
from tests.support.screens import MakeApp, press, screen_text, settle, shown, until
from tui.drawing.sparkline import sparkline
from tui.screens.runs.list import RunsScreen
from tui.screens.runs.listing import preview
from tui.screens.runs.listing.preview import PreviewPane, facts, facts_of_all, first_stage_now
from tui.terminal.capabilities import ColorDepth


def run_with(folder: Path, name: str, losses: list[float], seed: int = 7) -> Run:
    run = Run.create(folder, name, make_config(dataset="mnist-5k", seed=seed, batch_size=64))
    with run.metrics_path.open("w") as file:
        for epoch, loss in enumerate(losses, 1):
            row = {"kind": "epoch", "epoch": epoch, "step": epoch, "time": 1.0, "val_loss": loss}
            file.write(json.dumps(row) + "\n")
    run.write_weights(b"weights")
    return run


async def test_the_pane_shows_a_run_in_short_once_the_cursor_rests_and_pictures_once_asked_for(
    make_app: MakeApp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = [run_with(tmp_path, "one", [9, 5, 3, 2.5]), run_with(tmp_path, "two", [8.0, 7.5])]
    write_notes(runs[0], Notes(tags=("good",), note="look\x1b[2J here"))
    opened: list[Run] = []

    def pictures(run: Run) -> Pictures:
        opened.append(run)
        return Pictures(run)

    app = make_app(runs=[summarise_whole(run) for run in runs], pictures=pictures)
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await press(pilot, "v")
        await until(pilot, lambda: "first 9.00, last 2.50, best 2.50 after epoch 4" in words(app), "the validations")
        await until(pilot, lambda: "tags good" in words(app), "the place for all of it")
        text = words(app)
        assert "█" in text
        assert "batch size 64" in text
        assert "seed 7" in text
        assert "kB on disk" in text
        assert str(runs[0].path)[:30] in screen_text(app)
        assert "look\N{REPLACEMENT CHARACTER}[2J here" in text
        assert opened == []
        await press(pilot, "v")
        await until(pilot, lambda: opened == [runs[0]], "the pictures")
        pane = shown(app, RunsScreen).query_one(PreviewPane)
        await until(pilot, lambda: pane._gallery[0]._tiles is not None, "the tiles")
        monkeypatch.setattr(preview, "REST_SECONDS", 2.0)  # longer than five keys take on a busy machine
        await pilot.press("down", "up", "down", "up", "down")
        assert opened == [runs[0]]  # the cursor did not rest
        assert "two" in words(app)
        await until(pilot, lambda: opened == runs, "the other pictures")
        await pilot.resize_terminal(80, 24)
        await until(pilot, lambda: not pane.display, "the list alone, which there is room for")
        await pilot.resize_terminal(120, 40)
        await until(pilot, lambda: pane.display, "the pane again")
        await press(pilot, "v")
        assert "batch size 64" not in words(app)
    assert "two" in [run.name for run in opened]


async def test_the_pane_tells_of_folded_runs_what_they_come_to(make_app: MakeApp, tmp_path: Path) -> None:
    losses = ([9, 4.5], [8.0, 3.25], [7.0])
    runs = [summarise_whole(run_with(tmp_path, f"vae-{n}", each, seed=n)) for n, each in enumerate(losses)]
    app = make_app(runs=runs)
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await press(pilot, "v", "h")
        await until(pilot, lambda: "a group of 3 runs: 3 created" in words(app), "what they are")
        assert "best validation loss 3.25 after epoch 2, of vae-1 enter or l unfolds it" in words(app)
        await press(pilot, "v")
        await until(pilot, lambda: "reconstructions are those of a run" in words(app), "no pictures of all")
        await press(pilot, "l")
        assert "a group of" not in words(app)
    other = Run.create(tmp_path, "other", make_config(dataset="mnist-5k", likelihood="bernoulli"))
    mixed = facts_of_all(RunGroup("", "mixed", (*runs, summarise_whole(other)))).plain
    assert "different sums" in mixed
    assert "3.25" not in mixed


def test_a_prior_names_its_first_stage_as_it_is_called_now(make_run: Callable[..., Run]) -> None:
    prior, stage = make_run("prior", preset="prior"), make_run("ae-mnist", preset="ae")
    assert first_stage_now(prior, "ae-mnist") == "ae-mnist"
    rename(stage, "base")
    now = first_stage_now(prior, prior.config().first_stage)
    assert "first stage base, then ae-mnist\n" in facts(summarise_whole(prior), [], 40, ColorDepth.ASCII, now).plain
    assert first_stage_now(prior, "nobody") == first_stage_now(prior, None) == ""


async def test_a_small_window_has_no_pane_and_says_so(make_app: MakeApp) -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await press(pilot, "v")
        assert "needs 100 columns" in [*app._notifications][-1].message
        assert not app.screen.query(PreviewPane)


def words(app: object) -> str:
    return " ".join(screen_text(app).replace("▏", " ").split())  # type: ignore[arg-type]


def test_a_sparkline_is_a_curve_in_a_line() -> None:
    assert sparkline([1, 2, 3, 4, 5, 6, 7, 8], 8) == "▁▂▃▄▅▆▇█"
    assert sparkline([8, 1], 10, ascii_only=True) == "#_"
    assert sparkline([float("nan")], 10) == sparkline([], 10) == ""
    assert len(sparkline(list(range(1000)), 30)) == 30
    assert sparkline([3, 3, 3], 5) == "▁▁▁"
    falling = sparkline([1000, *range(40, 0, -1)], 60)
    assert len(set(falling)) == 8  # one outlier does not flatten the rest
