"""A training screen that nobody sees does no work."""

from __future__ import annotations

from pathlib import Path

from core.runs.run import Run
from tests.support.readers import HandFed, Pictures
from tests.support.screens import MakeApp, answered, until
from tests.support.snapshots import make_snapshot, make_summary
from tui.messages import Snapshot

RUN = make_summary().run
OTHER = Run(Path("checkpoints") / "ae-mnist")


class Runs:
    """The readers that were opened for each run."""

    def __init__(self) -> None:
        self.snapshots: dict[Run, HandFed[Snapshot]] = {}
        self.pictures: dict[Run, Pictures] = {}

    def snapshots_of(self, run: Run) -> HandFed[Snapshot]:
        return self.snapshots.setdefault(run, HandFed(make_snapshot(make_summary(run.name))))

    def pictures_of(self, run: Run) -> Pictures:
        return self.pictures.setdefault(run, Pictures(run))

    def reads(self, run: Run) -> int:
        return self.pictures[run].reads if run in self.pictures else 0

    def polls(self, run: Run) -> int:
        return self.snapshots[run].polls if run in self.snapshots else 0


async def test_a_hidden_training_screen_neither_polls_another_run_nor_loads_its_pictures(make_app: MakeApp) -> None:
    runs = Runs()
    app = make_app(snapshot=make_snapshot(), snapshots=runs.snapshots_of, pictures=runs.pictures_of)
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: runs.reads(RUN) == 1, "the pictures of the run that is shown")
        await pilot.press("4")
        await answered(pilot)
        app.selected_run = OTHER
        await answered(pilot)
        assert (runs.polls(OTHER), runs.reads(OTHER)) == (0, 0)
        await pilot.press("2")
        await until(pilot, lambda: runs.reads(OTHER) == 1, "the pictures once the screen is seen")


async def test_a_hidden_training_screen_leaves_newer_weights_for_later(make_app: MakeApp) -> None:
    runs = Runs()
    app = make_app(snapshot=make_snapshot(), snapshots=runs.snapshots_of, pictures=runs.pictures_of)
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: runs.reads(RUN) == 1, "the pictures")
        await pilot.press("4")
        await answered(pilot)
        runs.snapshots[RUN].waiting.append(make_snapshot(weights=2))  # a poll may be under way
        await pilot.pause(0.7)
        polls = runs.polls(RUN)
        await pilot.pause(0.7)
        assert (runs.polls(RUN), runs.reads(RUN)) == (polls, 1)
        await pilot.press("2")
        await until(pilot, lambda: runs.reads(RUN) == 2, "the pictures of newer weights")
