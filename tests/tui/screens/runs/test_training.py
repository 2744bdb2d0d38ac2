"""Screen 2: a run as it trains, drawn no more often than it changes, and only while it is seen."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion

from core.runs.run import Run
from core.runs.status import State
from tests.support.readers import HandFed, Pictures
from tests.support.screens import MakeApp, answered, screen_text, settle, until
from tests.support.snapshots import make_snapshot, make_summary
from tui.app import VaeTui
from tui.messages import Snapshot
from tui.screens.runs.training import TrainingScreen
from tui.screens.selection import Timing
from tui.widgets.plot import Plot

SIZES = [(80, 24), (120, 40)]


def show(app: VaeTui, snapshot: Snapshot) -> None:
    """Show a newer snapshot of the run."""
    assert isinstance(app.screen, TrainingScreen)
    app.screen.snapshot = snapshot


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


@pytest.mark.parametrize("size", [*SIZES, (40, 12), (200, 60)])
async def test_training_screen(make_app: MakeApp, snapshot: SnapshotAssertion, size: tuple[int, int]) -> None:
    app = make_app(snapshot=make_snapshot())
    async with app.run_test(size=size) as pilot:
        await settle(pilot)
        assert screen_text(app) == snapshot


async def test_training_screen_of_a_failed_run(make_app: MakeApp, snapshot: SnapshotAssertion) -> None:
    failed = make_summary(state=State.FAILED, error="the loss is no longer a finite number at step 7")
    app = make_app(snapshot=make_snapshot(failed))
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        assert screen_text(app) == snapshot


async def test_training_screen_of_an_autoencoder_has_one_curve(make_app: MakeApp, snapshot: SnapshotAssertion) -> None:
    app = make_app(snapshot=make_snapshot(make_summary(preset="ae")))
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        assert screen_text(app) == snapshot


async def test_training_screen_before_the_first_step(make_app: MakeApp, snapshot: SnapshotAssertion) -> None:
    app = make_app(snapshot=make_snapshot(steps=0, weights=0))
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await until(pilot, lambda: "KL ⠤⠤ train" in screen_text(app), "charts of their last size")
        assert screen_text(app) == snapshot


async def test_training_screen_without_a_run_says_what_to_do(make_app: MakeApp) -> None:
    app = make_app(runs=[])
    async with app.run_test() as pilot:
        await settle(pilot)
        await pilot.press("2")
        await settle(pilot)
        assert "no run is chosen" in screen_text(app)


async def test_why_there_are_no_pictures_is_said(make_app: MakeApp) -> None:
    app = make_app(snapshot=make_snapshot(), pictures=lambda run: Pictures(run, "model.safetensors: is damaged"))
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        assert "model.safetensors: is damaged" in screen_text(app)


async def test_curves_follow_scale_smoothing_and_range(make_app: MakeApp) -> None:
    app = make_app(snapshot=make_snapshot())
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        plot = app.screen.query_one("#loss", Plot)
        assert [curve.label for curve in plot.shown.curves] == ["train", "validation"]
        whole = plot.shown.x_range
        await pilot.press("y", "m", "left_square_bracket")
        assert plot.shown.scale == "all"
        assert [curve.label for curve in plot.shown.curves] == ["train", "smoothed 0.6", "validation"]
        assert [curve.dim for curve in plot.shown.curves] == [True, False, False]
        assert plot.shown.x_range is not None
        assert whole is not None
        assert plot.shown.x_range[0] > whole[0] == 0
        await pilot.press("y", "y", "y", "M", "right_square_bracket", "right_square_bracket")
        assert (plot.shown.scale, len(plot.shown.curves), plot.shown.x_range) == ("robust", 2, whole)


@pytest.mark.parametrize(("size", "places"), [((120, 40), 3), ((80, 24), 2)])
async def test_the_distance_of_samples_has_a_curve_where_it_was_measured(
    size: tuple[int, int], places: int, make_app: MakeApp
) -> None:
    app = make_app(snapshot=make_snapshot(distances=(41.5, 17.25)))
    async with app.run_test(size=size) as pilot:
        await settle(pilot)
        parts = [plot for plot in app.screen.query(Plot) if plot.region and plot.id != "loss"]
        assert [part.id for part in parts] == ["reconstruction", "kl", "frechet"][-places:]
        assert all(part.region.width >= 24 and part.region.height >= 6 for part in parts)
        (curve,) = parts[-1].shown.curves
        assert curve.y.tolist() == [41.5, 17.25]
        assert "Fréchet 17.25  best 17.25" in screen_text(app)


async def test_an_autoencoder_that_is_measured_shows_the_distance_alone_below_the_loss(make_app: MakeApp) -> None:
    app = make_app(snapshot=make_snapshot(make_summary(preset="ae"), distances=(9.0, 8.0)))
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        shown = [plot.id for plot in app.screen.query(Plot) if plot.region]
        assert shown == ["loss", "frechet"]


async def test_pictures_are_read_again_only_when_the_weights_changed(make_app: MakeApp) -> None:
    readers: list[Pictures] = []

    def pictures(run: Run) -> Pictures:
        readers.append(Pictures(run))
        return readers[-1]

    summary = make_summary()
    app = make_app(snapshot=make_snapshot(summary, weights=1), pictures=pictures)
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        for weights, reads in ((1, 1), (2, 2), (2, 2)):
            show(app, make_snapshot(summary, weights=weights))
            await settle(pilot)
            assert readers[0].reads == reads


async def test_nothing_is_drawn_again_when_nothing_changed(make_app: MakeApp, monkeypatch: pytest.MonkeyPatch) -> None:
    summary = make_summary()
    app = make_app(snapshot=make_snapshot(summary), timing=Timing(poll=0.1, draw=0))
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        plot = app.screen.query_one("#loss", Plot)
        refreshed: list[object] = []
        plot.refresh = lambda *regions, **options: refreshed.append(regions)  # type: ignore[method-assign, assignment]
        show(app, make_snapshot(summary))
        await settle(pilot)
        assert refreshed == []
        show(app, make_snapshot(summary, steps=30))
        await settle(pilot)
        assert refreshed != []


async def test_news_in_quick_succession_are_drawn_together(make_app: MakeApp, monkeypatch: pytest.MonkeyPatch) -> None:
    summary = make_summary()
    app = make_app(snapshot=make_snapshot(summary), timing=Timing(poll=0.1, draw=2))
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        drawn: list[object] = []
        plot = app.screen.query_one("#loss", Plot)
        monkeypatch.setattr(plot, "show", lambda shown: drawn.append(len(shown.curves[0].x)))
        for steps in range(20, 30):
            show(app, make_snapshot(summary, steps=steps))
            await pilot.pause()
        await until(pilot, lambda: drawn and drawn[-1] == 29, "the newest")
        assert len(drawn) <= 4  # one, or some more where the machine is slow


async def test_another_state_is_drawn_at_once(make_app: MakeApp, monkeypatch: pytest.MonkeyPatch) -> None:
    summary = make_summary()
    app = make_app(snapshot=make_snapshot(summary), timing=Timing(poll=0.1, draw=3600))
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        drawn: list[object] = []
        plot = app.screen.query_one("#loss", Plot)
        monkeypatch.setattr(plot, "show", lambda shown: drawn.append(len(shown.curves[0].x)))
        show(app, make_snapshot(summary, steps=29))
        await pilot.pause()
        assert drawn == []
        show(app, make_snapshot(make_summary(state=State.PAUSED), steps=30))
        await until(pilot, lambda: drawn == [30], "the drawing")


async def test_a_window_resized_behind_another_screen_is_filled_anew(make_app: MakeApp) -> None:
    app = make_app(snapshot=make_snapshot(make_summary(state=State.FINISHED)))
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.press("3")
        await pilot.resize_terminal(80, 24)
        await pilot.press("2")
        await settle(pilot)
        shown = screen_text(app)
        assert " 2/10" in shown
        assert " 25%" in shown


async def test_an_epoch_counts_as_finished_once_it_is_validated(make_app: MakeApp) -> None:
    summary = make_summary()
    assert summary.status
    validating = summary.status.model_copy(update={"epoch": 2, "step": 3 * 469, "activity": "validating"})
    app = make_app(snapshot=make_snapshot(make_summary(status=validating)))
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        assert "epoch   2/10 done, next 100%" in screen_text(app)
        assert "now     validating" in screen_text(app)


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


async def test_the_pictures_say_which_row_is_which_and_of_which_images_they_are(make_app: MakeApp) -> None:
    def pictures(run: Run) -> Pictures:
        made = Pictures(run)
        preview = replace(made.read(), message="on mnist-5k: no mnist on disk")
        made.read = lambda: preview  # type: ignore[method-assign]
        return made

    for size, said in (
        ((120, 40), "below · on mnist-5k: no mnist on disk"),
        ((80, 24), "images, reconstructions below"),
    ):
        app = make_app(snapshot=make_snapshot(), pictures=pictures)
        async with app.run_test(size=size) as pilot:
            await settle(pilot)
            await until(pilot, lambda: said in screen_text(app), said)  # noqa: B023
            assert bool(app._notifications) == (size == (80, 24))  # where the line has no room for it
