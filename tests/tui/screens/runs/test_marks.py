"""Runs are marked in the list, keep their colours, and are compared together."""

from __future__ import annotations

import time
from pathlib import Path

from core.runs.run import Run
from tests.support.explorers import FakeExplorer
from tests.support.readers import HandFed
from tests.support.screens import MakeApp, press, screen_text, settle
from tests.support.snapshots import RUNS, make_snapshot, make_summary
from tui.app import VaeTui
from tui.run_looks import sign_of
from tui.screens.runs.list import RunsScreen
from tui.terminal.capabilities import ColorDepth
from tui.widgets.plot import Plot
from tui.widgets.row_table import RowTable


def marked(app: VaeTui) -> list[str]:
    return [run.name for run in app.shared.marked]


async def test_runs_are_marked_one_by_one_as_a_range_or_all(make_app: MakeApp) -> None:
    app = make_app(runs=RUNS)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        names = [summary.run.name for summary in RUNS]
        await press(pilot, "j", "space")
        assert marked(app) == [names[1]]
        assert "1 marked: with another one 6 compares; p s w r d act on it" in screen_text(app)
        await press(pilot, "down", "down", "V")
        assert marked(app) == names[1:4]
        lines = screen_text(app).splitlines()
        signs = [next(line[0] for line in lines if line[1:].startswith(f"{name} ")) for name in names]
        assert signs == [" ", "●", "◆", "▲", " ", " "]
        await press(pilot, "space")
        assert marked(app) == names[1:3]
        await press(pilot, "asterisk")
        assert sorted(marked(app)) == sorted(names)
        await press(pilot, "asterisk")
        assert marked(app) == []
        assert "marked" not in screen_text(app)


async def test_a_run_that_is_gone_is_not_marked_any_more(make_app: MakeApp) -> None:
    app = make_app(runs=RUNS)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await press(pilot, "asterisk")
        screen = app.screen
        assert isinstance(screen, RunsScreen)
        screen._show_runs(RUNS[1:])
        await pilot.pause()
        assert len(marked(app)) == len(RUNS) - 1
        assert screen.query_one(RowTable).marks.keys() == set(range(len(RUNS) - 1))


async def test_marked_runs_are_compared_and_keep_their_colours(make_app: MakeApp) -> None:
    names = ["one", "two", "three", "four"]
    app = make_app(
        runs=[
            make_summary(name, preset=preset)
            for name, preset in zip(names, ("vae", "ae", "vae-post", "vae"), strict=True)
        ],
        explorer=lambda run, report: FakeExplorer(run),
        snapshots=lambda run: HandFed(make_snapshot(make_summary(run.name, preset="ae"))),
        other_runs=lambda run: [Run(Path("checkpoints") / name) for name in names if name != run.name],
    )
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await press(pilot, "space", "down", "space", "down", "down", "space", "up", "6")
        assert app.selected_run is not None
        assert app.selected_run.name == "one"  # the run under the cursor is not marked
        text = screen_text(app)
        assert "3 runs  curves: faint training (smoothed 0.9), marked validation, seeds shaded" in text
        curves = app.screen.query_one("#loss", Plot).shown.curves
        places = {run.name: app.shared.place_of(run) for run in app.shared.marked}
        assert places == {"one": 0, "two": 1, "four": 2}
        await press(pilot, "v")
        assert "without 1 more" in screen_text(app)
        await press(pilot, "1", "space", "6")  # the first one is not marked any more
        await press(pilot, "V")
        assert len(curves) == 2  # all have the same settings: one mean, one line of validations
        assert "two and four" in screen_text(app)
        assert app.shared.place_of(app.shared.marked[0]) == 1


def test_runs_that_are_shown_together_have_signs_of_their_own(make_app: MakeApp) -> None:
    shared = make_app().shared
    runs = [Run(Path("checkpoints") / str(number)) for number in range(20)]
    for run in runs:  # looked at one after the other
        shared.place_of(run)
    shared.mark([runs[0], runs[8], runs[3], runs[16]], True)
    assert [shared.place_of(run) for run in shared.marked] == [0, 1, 2, 3]
    shared.mark(shared.marked, False)
    shared.mark([*runs[3:], *runs[:3]], True)
    assert [shared.place_of(run) for run in (runs[3], runs[4])] == [2, 0]  # kept, as nobody else has it
    looks = {sign_of(shared.place_of(run), ColorDepth.TRUECOLOR) for run in runs}
    assert len(looks) == len(runs)


async def test_thousands_of_marks_cost_no_more_than_each_alone(make_app: MakeApp) -> None:
    shared = make_app().shared
    runs = [Run(Path("checkpoints") / str(number)) for number in range(3000)]
    begun = time.process_time()
    shared.mark(runs, True)
    shared.mark(runs, True)
    assert time.process_time() - begun < 2  # minutes where each is looked for among all
    assert [shared.place_of(run) for run in runs] == list(range(3000))
