"""The screens as a user meets them, fed by hand."""

from __future__ import annotations

from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion
from textual.pilot import Pilot
from textual.widgets import DataTable, Input, OptionList

from core.jobs import launch
from core.runs.config import make_config
from core.runs.run import Run
from core.runs.status import State
from tests.support.readers import HandFed, Pictures
from tests.support.screens import MakeApp, feed, screen_text, until
from tests.support.snapshots import make_snapshot, make_summary
from tui.app import VaeTui
from tui.messages import Snapshot
from tui.screens.compare.screen import CompareScreen
from tui.screens.dialogs import AskNumber, ChooseRun, Confirm, Keys
from tui.screens.inspect.evaluate import EvaluateScreen
from tui.screens.inspect.latent import LatentScreen
from tui.screens.inspect.reconstruct import ReconstructScreen
from tui.screens.inspect.sample import SampleScreen
from tui.screens.runs.list import RunsScreen
from tui.screens.runs.training import TrainingScreen
from tui.screens.shared import Timing
from tui.widgets.plot import Plot

SIZES = [(80, 24), (120, 40)]


async def settle(pilot: Pilot[None]) -> None:
    """Let the feed thread, its messages and the drawing come through."""
    for _ in range(4):
        await pilot.pause(0.05)


def show(app: VaeTui, snapshot: Snapshot) -> None:
    """Show a newer snapshot of the run."""
    assert isinstance(app.screen, TrainingScreen)
    app.screen.snapshot = snapshot


RUNS = [
    make_summary("vae-mnist"),
    make_summary("ae-mnist", State.PAUSED, preset="ae"),
    make_summary("vae-post-mnist", State.FINISHED, preset="vae-post"),
    make_summary("vae-2", State.FAILED, error="the loss is no longer a finite number at step 7"),
    make_summary("vae-3", State.LOST),
    make_summary("broken", damage="config.json: is not a JSON object", config=None, status=None),
]


@pytest.mark.parametrize("size", SIZES)
async def test_runs_screen(make_app: MakeApp, snapshot: SnapshotAssertion, size: tuple[int, int]) -> None:
    app = make_app(runs=RUNS)
    async with app.run_test(size=size) as pilot:
        await settle(pilot)
        await pilot.press("down", "down", "down")
        await settle(pilot)
        assert screen_text(app) == snapshot


@pytest.mark.parametrize("size", SIZES)
async def test_runs_screen_without_runs(make_app: MakeApp, snapshot: SnapshotAssertion, size: tuple[int, int]) -> None:
    app = make_app(runs=[])
    async with app.run_test(size=size) as pilot:
        await settle(pilot)
        assert screen_text(app) == snapshot


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


async def test_every_key_is_listed(make_app: MakeApp, snapshot: SnapshotAssertion) -> None:
    app = make_app(snapshot=make_snapshot())
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("question_mark")
        assert isinstance(app.screen, Keys)
        await settle(pilot)
        assert screen_text(app) == snapshot
        await pilot.press("escape")
        assert isinstance(app.screen, TrainingScreen)


async def test_digits_switch_between_the_screens_that_work(make_app: MakeApp) -> None:
    app = make_app(runs=RUNS)
    async with app.run_test() as pilot:
        await settle(pilot)
        assert isinstance(app.screen, RunsScreen)
        await pilot.press("down", "2")
        assert isinstance(app.screen, TrainingScreen)
        assert app.selected_run == RUNS[1].run
        screens = {
            "3": ReconstructScreen,
            "4": SampleScreen,
            "5": LatentScreen,
            "6": CompareScreen,
            "7": EvaluateScreen,
        }
        for key, screen in screens.items():
            await pilot.press(key)
            await pilot.pause()
            assert isinstance(app.screen, screen)
            assert app.selected_run == RUNS[1].run
        await pilot.press("8")
        assert isinstance(app.screen, EvaluateScreen)
        await pilot.press("1")
        assert isinstance(app.screen, RunsScreen)


async def test_enter_opens_the_run_under_the_cursor(make_app: MakeApp) -> None:
    app = make_app(runs=RUNS)
    async with app.run_test() as pilot:
        await settle(pilot)
        await pilot.press("down", "down", "enter")
        assert isinstance(app.screen, TrainingScreen)
        assert app.selected_run == RUNS[2].run


async def test_the_cursor_stays_on_its_run_when_the_list_changes(make_app: MakeApp) -> None:
    reader = HandFed(RUNS)
    app = make_app()
    async with app.run_test() as pilot:
        screen = RunsScreen(app.shared, lambda: reader, "")
        await app.push_screen(screen)
        await settle(pilot)
        await pilot.press("down", "down")
        await feed(pilot, reader, [make_summary("newest"), *RUNS])
        chosen = screen.chosen()
        assert chosen is not None
        assert chosen.run == RUNS[2].run
        assert screen.query_one(DataTable).row_count == len(RUNS) + 1


async def test_curves_follow_scale_smoothing_and_range(make_app: MakeApp) -> None:
    app = make_app(snapshot=make_snapshot())
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        plot = app.screen.query_one("#loss", Plot)
        assert [curve.label for curve in plot._curves] == ["train", "validation"]
        whole = plot._x_range
        await pilot.press("l", "m", "left_square_bracket")
        assert plot._log_scale
        assert [curve.label for curve in plot._curves] == ["train", "mean of 10", "validation"]
        assert [curve.dim for curve in plot._curves] == [True, False, False]
        assert plot._x_range is not None
        assert whole is not None
        assert plot._x_range[0] > whole[0] == 0
        await pilot.press("l", "m", "m", "right_square_bracket", "right_square_bracket")
        assert (plot._log_scale, len(plot._curves), plot._x_range) == (False, 2, whole)


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
        (curve,) = parts[-1]._curves
        assert curve.y.tolist() == [41.5, 17.25]
        assert "Fréchet 17.25   best 17.25" in screen_text(app)


async def test_an_autoencoder_that_is_measured_shows_the_distance_alone_below_the_loss(make_app: MakeApp) -> None:
    app = make_app(snapshot=make_snapshot(make_summary(preset="ae"), distances=(9.0, 8.0)))
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        shown = [plot.id for plot in app.screen.query(Plot) if plot.region]
        assert shown == ["loss", "frechet"]


async def test_a_change_of_screens_does_not_hold_back_what_is_shown(
    make_app: MakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = make_app(snapshot=make_snapshot())
    async with app.run_test() as pilot:
        await settle(pilot)
        delays: list[float] = []
        set_timer = app.set_timer
        monkeypatch.setattr(
            app, "set_timer", lambda delay, *rest, **names: delays.append(delay) or set_timer(delay, *rest, **names)
        )
        await pilot.press("1")
        await settle(pilot)
        assert isinstance(app.screen, RunsScreen)
        assert max(delays) < 0.01


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
        monkeypatch.setattr(plot, "show", lambda curves, **options: drawn.append(len(curves[0].x)))
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
        monkeypatch.setattr(plot, "show", lambda curves, **options: drawn.append(len(curves[0].x)))
        show(app, make_snapshot(summary, steps=29))
        await pilot.pause()
        assert drawn == []
        show(app, make_snapshot(make_summary(state=State.PAUSED), steps=30))
        await until(pilot, lambda: drawn == [30], "the drawing")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, object]]:
    """What the app asks of trainers, in place of asking them."""
    calls: list[tuple[str, object]] = []
    monkeypatch.setattr(launch, "send_request", lambda run, action: calls.append((run.name, action)))

    class Started:
        def wait_until_started(self) -> None:
            calls.append(("started", None))

    def resume(run: Run, epochs: int | None, learning_rate: float | None) -> Started:
        calls.append((run.name, epochs))
        return Started()

    monkeypatch.setattr(launch, "resume", resume)
    return calls


async def test_keys_ask_the_trainer(make_app: MakeApp, asked: list[tuple[str, object]]) -> None:
    app = make_app(snapshot=make_snapshot())
    async with app.run_test() as pilot:
        await settle(pilot)
        await pilot.press("space", "w", "r")
        await settle(pilot)
        assert asked == [("vae-mnist", "pause"), ("vae-mnist", "save")]
        await pilot.press("s")
        assert isinstance(app.screen, Confirm)
        await pilot.press("n")
        await settle(pilot)
        assert len(asked) == 2
        await pilot.press("s", "enter")
        assert isinstance(app.screen, Confirm)
        await pilot.press("y")
        await settle(pilot)
        assert asked[2:] == [("vae-mnist", "stop")]


async def test_space_resumes_a_paused_run(make_app: MakeApp, asked: list[tuple[str, object]]) -> None:
    app = make_app(snapshot=make_snapshot(make_summary(state=State.PAUSED)))
    async with app.run_test() as pilot:
        await settle(pilot)
        await pilot.press("space")
        await settle(pilot)
        assert asked == [("vae-mnist", "resume")]


@pytest.mark.parametrize("state", [State.STOPPED, State.LOST, State.FAILED, State.CREATED])
async def test_r_goes_on_with_a_run_that_no_trainer_has(
    make_app: MakeApp, asked: list[tuple[str, object]], state: State
) -> None:
    app = make_app(snapshot=make_snapshot(make_summary(state=state)))
    async with app.run_test() as pilot:
        await settle(pilot)
        await pilot.press("space", "w", "r")
        await settle(pilot)
        assert asked == [("vae-mnist", None), ("started", None)]


async def test_a_finished_run_is_asked_for_more_epochs(make_app: MakeApp, asked: list[tuple[str, object]]) -> None:
    summary = make_summary(state=State.FINISHED)
    assert summary.status
    done = summary.status.model_copy(update={"epoch": 10})
    app = make_app(snapshot=make_snapshot(make_summary(state=State.FINISHED, status=done)))
    async with app.run_test() as pilot:
        await settle(pilot)
        await pilot.press("r")
        assert isinstance(app.screen, AskNumber)
        app.screen.query_one(Input).value = "10"
        await pilot.press("enter")
        assert "a whole number from 11 to 1000000" in screen_text(app)
        app.screen.query_one(Input).value = "15"
        await pilot.press("enter")
        await settle(pilot)
        assert asked == [("vae-mnist", 15), ("started", None)]


async def test_a_question_about_a_long_name_is_shown_whole(make_app: MakeApp) -> None:
    name = 90 * "a"
    app = make_app(snapshot=make_snapshot(make_summary(name, state=State.STOPPED)))
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("d")
        assert "This cannot be undone." in " ".join(screen_text(app).replace("│", "").split())


async def test_a_window_resized_behind_another_screen_is_filled_anew(make_app: MakeApp) -> None:
    app = make_app(snapshot=make_snapshot(make_summary(state=State.FINISHED)))
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.press("3")
        await pilot.resize_terminal(80, 24)
        await pilot.press("2")
        await settle(pilot)
        shown = screen_text(app)
        assert " 3/10" in shown
        assert " 25%" in shown


async def test_the_cursor_stays_in_its_row_when_the_run_there_is_deleted(make_app: MakeApp) -> None:
    reader = HandFed(RUNS)
    app = make_app()
    async with app.run_test() as pilot:
        screen = RunsScreen(app.shared, lambda: reader, "")
        await app.push_screen(screen)
        await settle(pilot)
        await pilot.press("down", "down")
        await feed(pilot, reader, [summary for summary in RUNS if summary is not RUNS[2]])
        assert screen.chosen() is RUNS[3]


async def test_the_run_that_was_looked_at_is_the_one_under_the_cursor(make_app: MakeApp) -> None:
    app = make_app(runs=RUNS, snapshot=make_snapshot(RUNS[3]))
    async with app.run_test() as pilot:
        await settle(pilot)
        assert app.selected_run == RUNS[3].run
        await pilot.press("1")
        await settle(pilot)
        assert isinstance(app.screen, RunsScreen)
        assert app.screen.chosen() is RUNS[3]
        await pilot.press("home")
        assert app.screen.chosen() is RUNS[0]
        await pilot.press("end")
        assert app.screen.chosen() is RUNS[-1]


async def test_the_screen_behind_a_question_goes_on(make_app: MakeApp) -> None:
    summary = make_summary()
    reader = HandFed(make_snapshot(summary))
    app = make_app(snapshot=make_snapshot(summary), snapshots=lambda run: reader)
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.press("s")
        assert isinstance(app.screen, Confirm)
        assert summary.status
        later = summary.status.model_copy(update={"epoch": 8, "step": 8 * 469})
        reader.waiting.append(make_snapshot(make_summary(status=later)))
        for _ in range(100):
            await pilot.pause(0.05)
            if "9/10" in screen_text(app):
                break
        assert "9/10" in screen_text(app)
        assert "Save and stop vae-mnist?" in screen_text(app)


async def test_a_run_that_trains_is_not_deleted_and_that_is_said(make_app: MakeApp) -> None:
    app = make_app(runs=RUNS)
    async with app.run_test() as pilot:
        await settle(pilot)
        await pilot.press("d")
        await settle(pilot)
        assert isinstance(app.screen, RunsScreen)
        assert [note.message for note in app._notifications] == ["vae-mnist is running: stop it first"]


async def test_an_epoch_that_is_validated_is_still_that_epoch(make_app: MakeApp) -> None:
    summary = make_summary()
    assert summary.status
    validating = summary.status.model_copy(update={"epoch": 2, "step": 3 * 469, "activity": "validating"})
    app = make_app(snapshot=make_snapshot(make_summary(status=validating)))
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        assert "━ 3/10" in screen_text(app)
        assert "now     validating" in screen_text(app)


async def test_a_terminal_that_knows_ascii_only_is_shown_nothing_else(
    make_app: MakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "dumb")
    app = make_app(runs=RUNS, snapshot=make_snapshot())
    async with app.run_test(size=(100, 30)) as pilot:
        await settle(pilot)
        for key in ("1", "n", "escape", "2", "question_mark", "escape", *"34567"):
            await pilot.press(key)
            await settle(pilot)
            shown = screen_text(app)
            assert shown.isascii(), [letter for letter in shown if not letter.isascii()]


async def test_d_deletes_after_asking(make_app: MakeApp, tmp_path: Path) -> None:
    run = Run.create(tmp_path / "checkpoints", "old", make_config(dataset="mnist-5k"))
    summary = make_summary("old", State.STOPPED)
    chosen = type(summary)(run, None, State.STOPPED, summary.config, summary.status)
    app = make_app(runs=[chosen])
    async with app.run_test() as pilot:
        await settle(pilot)
        await pilot.press("d", "n")
        await settle(pilot)
        assert run.path.exists()
        await pilot.press("d", "y")
        await settle(pilot)
        assert not run.path.exists()


@pytest.mark.parametrize("key", ["pageup", "pagedown"])
async def test_page_keys_do_no_harm_where_a_run_is_chosen_without_room(make_app: MakeApp, key: str) -> None:
    app = make_app(runs=[])
    async with app.run_test(size=(120, 40)) as pilot:
        app.push_screen(ChooseRun("which?", [Run(Path("a")), Run(Path("b"))]))
        await pilot.pause()
        choices = app.screen.query_one(OptionList)
        choices.highlighted, choices.styles.height, choices.styles.border = 1, 0, None
        await pilot.pause()
        choices._clear_caches()
        await pilot.press(key)
        await pilot.press("up", "enter")
        assert not isinstance(app.screen, ChooseRun)


@pytest.mark.parametrize(
    "variable", [{"NO_COLOR": "1"}, {"TERM": "dumb"}, {"TERM": "screen"}, {"COLORTERM": "truecolor"}]
)
async def test_every_screen_draws_on_every_terminal(
    make_app: MakeApp, monkeypatch: pytest.MonkeyPatch, variable: dict[str, str]
) -> None:
    for name, value in variable.items():
        monkeypatch.setenv(name, value)
    app = make_app(runs=RUNS, snapshot=make_snapshot())
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        for keys in ("1", "n", "escape", "2", "question_mark", "escape", "s", "n", "m", "l"):
            await pilot.press(keys)
            await pilot.pause()
            assert any(name in screen_text(app) for name in ("1 runs", "2 training"))


@pytest.mark.slow
@pytest.mark.parametrize("size", [(20, 5), (1, 1), (300, 100)])
async def test_every_screen_survives_any_size(make_app: MakeApp, size: tuple[int, int]) -> None:
    app = make_app(runs=RUNS, snapshot=make_snapshot())
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        for key in ("2", "1", "n", "escape", "question_mark", "escape"):
            await pilot.press(key)
            await pilot.resize_terminal(*size)
            await pilot.pause()
            await pilot.resize_terminal(80, 24)
            await pilot.pause()
