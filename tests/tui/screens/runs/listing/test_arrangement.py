"""The list is sorted by any column, shows the columns that are chosen, folds groups, and remembers all that."""

from __future__ import annotations

from pathlib import Path

from core.runs.config import RunConfig, defaults
from core.runs.status import State
from tests.support.screens import MakeApp, press, screen_text, settle, shown, until
from tests.support.snapshots import make_summary
from tui.app import VaeTui
from tui.configuration.configuration import Configuration
from tui.screens.runs.list import RunsScreen
from tui.screens.runs.listing.arrangement import Arrangement
from tui.widgets.row_table import RowTable


def config(**values: object) -> RunConfig:
    return RunConfig.model_validate(defaults(values) | values)


RUNS = [
    make_summary("gamma", State.FINISHED, best=(3, 4.5), size=3_000_000, config=config(seed=1)),
    make_summary("alpha", State.RUNNING, best=(3, 9.5), size=1_000_000, config=config(preset="ae")),
    make_summary("beta", State.FAILED, best=(3, 2.5), size=2_000_000, config=config(seed=2)),
]


def names(app: VaeTui) -> list[str]:
    return [line.split()[0].strip("●◆▸") for line in screen_text(app).splitlines()[2:5]]


def header(app: VaeTui) -> str:
    return screen_text(app).splitlines()[1]


async def test_the_list_is_sorted_by_keys_and_by_its_headings(make_app: MakeApp) -> None:
    app = make_app(runs=RUNS)
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        screen = shown(app, RunsScreen)
        await press(pilot, "down", "o")
        assert names(app) == ["alpha", "beta", "gamma"]
        assert "run ▲" in header(app)
        assert screen.chosen() is RUNS[1]  # the cursor stays on its run
        await press(pilot, "O")
        assert names(app) == ["gamma", "beta", "alpha"]
        assert "run ▼" in header(app)
        assert screen.chosen() is RUNS[1]
        x = header(app).index("best")
        await pilot.click(RowTable, offset=(x, 0))
        assert names(app) == ["beta", "gamma", "alpha"]
        assert "best ▲" in header(app)
        await pilot.click(RowTable, offset=(x, 0))
        assert names(app) == ["alpha", "gamma", "beta"]
        await press(pilot, "o", "o")  # by age, then the newest first again
        assert names(app) == ["gamma", "alpha", "beta"]


async def test_columns_are_chosen_and_remembered_with_order_filter_and_folds(make_app: MakeApp, tmp_path: Path) -> None:
    kept = tmp_path / "config.toml"
    app = make_app(runs=RUNS)
    app.configure(Configuration(kept))
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await press(pilot, "o", "c", "down", "space", *["down"] * 8, "space", "enter")  # no preset, but the size
        assert header(app).split() == [
            "run",
            "▲",
            "data",
            "set",
            "state",
            "epoch",
            "train",
            "val",
            "best",
            "age",
            "size",
        ]
        assert "3 MB" in screen_text(app)
        await press(pilot, "end", "h", "slash", *"preset=vae", "enter")
        await until(pilot, lambda: kept.exists() and "preset=vae" in kept.read_text(), "the file")
    again = make_app(runs=RUNS)
    again.configure(Configuration(kept))
    async with again.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.pause()
        text = screen_text(again)
        assert "size" in header(again)
        assert "▸ beta ×2" in text
        assert "filter preset=vae: 2 of 3 runs" in text
    kept.write_text("list.sort = 7")
    last = make_app(runs=RUNS)
    last.configure(Configuration(kept))
    async with last.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        assert names(last) == ["gamma", "alpha", "beta"]
        assert "list.sort must be a column such as run, val, best, not 7" in [*last._notifications][-1].message


async def test_where_there_is_no_room_for_all_a_column_that_was_asked_for_stays(make_app: MakeApp) -> None:
    app = make_app(runs=[make_summary("a-name-of-a-usual-length", size=3_000_000)])
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await press(pilot, "c", *["down"] * 9, "space", "enter")
        assert "size" in header(app)
        assert "train" not in header(app)


def test_columns_of_another_version_are_left_out() -> None:
    assert Arrangement(columns=("run", "colour of the hat")).shown == ["run"]
    assert Arrangement(columns=("colour of the hat",)).shown == Arrangement().shown
    assert Arrangement(sort="hat").sorted_by_next().sort == "run"


async def test_a_group_folds_into_a_row_that_says_the_best_value_and_the_states(make_app: MakeApp) -> None:
    app = make_app(runs=RUNS)
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        screen = shown(app, RunsScreen)
        await press(pilot, "down", "h")
        assert "alpha is in no sweep" in [*app._notifications][-1].message
        await press(pilot, "down", "h")
        row = next(line for line in screen_text(app).splitlines() if "×2" in line)
        assert "gamma ×2" in row or "beta ×2" in row
        assert "1✓ 1✗" in row
        assert " 2.50 " in row
        assert screen.chosen() is None
        await press(pilot, "space")
        assert {run.name for run in app.shared.marked} == {"gamma", "beta"}
        await press(pilot, "enter")
        assert names(app) == ["gamma", "alpha", "beta"]
        assert screen.chosen() is RUNS[0]


async def test_a_small_window_shows_state_progress_and_loss_and_cuts_names(make_app: MakeApp) -> None:
    app = make_app(runs=[make_summary("a-name-that-is-longer-than-forty-columns-are"), *RUNS])
    async with app.run_test(size=(40, 12)) as pilot:
        await settle(pilot)
        line = screen_text(app).splitlines()[2]
        assert line.split()[:4] == ["a-name-that-is-…", "▶", "2/10", "40.50"]
        assert "▲" not in header(app)
        await press(pilot, "o", "o", "o", "o")
        assert header(app).split()[:3] == ["run", "▲", "epoch"]  # by the state, which is a sign
        await press(pilot, "right", "right")
        assert "\n a-name-that-is-" in screen_text(app)  # stays in sight
    async with make_app(runs=[make_summary("a-name-that-is-longer-than-forty-columns-are")]).run_test(
        size=(80, 24)
    ) as pilot:
        await settle(pilot)
        assert screen_text(pilot.app).splitlines()[1].split()[-1].endswith("▸")  # there is more on the right
        await press(pilot, "o", "o", "o")
        assert "data set ▲" in screen_text(pilot.app).splitlines()[1]  # by which it is sorted
