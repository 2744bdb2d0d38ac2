"""Keys that act on a run: what they ask of its trainer, and what is asked of the user first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from textual.widgets import Input, Label

from core.jobs import launch
from core.runs.catalog import summarise
from core.runs.config import make_config
from core.runs.run import Run
from core.runs.status import State
from tests.support.readers import HandFed
from tests.support.screens import MakeApp, feed, screen_text, settle
from tests.support.snapshots import RUNS, make_snapshot, make_summary
from tui.messages import Snapshot
from tui.screens.dialogs import AskNumber, AskValue, Confirm
from tui.screens.runs.list import RunsScreen
from tui.screens.runs.possible import why_not


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, object]]:
    """What the app asks of trainers, in place of asking them."""
    calls: list[tuple[str, object]] = []
    monkeypatch.setattr(launch, "send_request", lambda run, action: calls.append((run.name, action)))

    class Started:
        def wait_until_started(self, told_to_stop: Callable[[], bool]) -> None:
            calls.append(("started", None))

    def resume(run: Run, epochs: int | None, learning_rate: float | None, data_dir: Path) -> Started:
        calls.append((run.name, epochs))
        return Started()

    monkeypatch.setattr(launch, "resume", resume)
    return calls


async def test_keys_ask_the_trainer(make_app: MakeApp, asked: list[tuple[str, object]]) -> None:
    app = make_app(snapshot=make_snapshot())
    async with app.run_test() as pilot:
        await settle(pilot)
        await pilot.press("p", "w", "r")
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


async def test_a_key_that_can_do_nothing_says_why(make_app: MakeApp, asked: list[tuple[str, object]]) -> None:
    app = make_app(snapshot=make_snapshot(make_summary(state=State.FINISHED)))
    async with app.run_test() as pilot:
        await settle(pilot)
        await pilot.press("p", "s", "w", "S")
        await settle(pilot)
        assert [note.message for note in app._notifications] == [
            "vae-mnist is finished: there is nothing to pause; r resumes",
            "vae-mnist is finished: there is nothing to stop; r resumes",
            "vae-mnist is finished: there is nothing to save; r resumes",
            "vae-mnist is finished: it has no learning rate to set; r resumes",
        ]
        assert asked == []


def test_why_nothing_can_be_done_is_one_line() -> None:
    running, lost, created = (make_summary(state.value, state) for state in (State.RUNNING, State.LOST, State.CREATED))
    damaged = make_summary("x", damage="config.json: is empty", state=State.LOST, config=None)
    assert why_not("resume", [running]) == "running is running: there is nothing to resume"
    assert why_not("save", [created]) == "created was not begun: there is nothing to save; r resumes"
    assert why_not("stop", [lost, created]) == (
        "none of 2 runs (lost, created) trains: there is nothing to stop; r resumes"
    )
    assert why_not("resume", [running, running]) == "2 runs (running, running) are active: there is nothing to resume"
    assert why_not("pause", [replace(damaged, state=None)]) == "x: config.json: is empty"
    assert why_not("pause", [replace(lost, read_only="may not be written")]) == "lost may not be written"
    assert why_not("delete", [replace(lost, gone=True, damage="lost is gone")]) == "lost is gone"
    assert why_not("pause", []) == ""


async def test_p_resumes_a_paused_run(make_app: MakeApp, asked: list[tuple[str, object]]) -> None:
    app = make_app(snapshot=make_snapshot(make_summary(state=State.PAUSED)))
    async with app.run_test() as pilot:
        await settle(pilot)
        assert screen_text(app).splitlines()[-1].count("resume") == 1
        await pilot.press("p")
        await settle(pilot)
        assert asked == [("vae-mnist", "resume")]


@pytest.mark.parametrize("state", [State.STOPPED, State.LOST, State.FAILED, State.CREATED])
async def test_r_goes_on_with_a_run_that_no_trainer_has(
    make_app: MakeApp, asked: list[tuple[str, object]], state: State
) -> None:
    app = make_app(snapshot=make_snapshot(make_summary(state=state)))
    async with app.run_test() as pilot:
        await settle(pilot)
        await pilot.press("p", "w", "r")
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


async def test_a_run_that_its_patience_ended_is_asked_to_go_on_to_its_goal(
    make_app: MakeApp, asked: list[tuple[str, object]]
) -> None:
    before = make_summary(state=State.FINISHED)
    assert before.status
    assert before.config
    reason = "no lower validation loss than 33 in 5 validations"
    early = before.status.model_copy(update={"epoch": 17, "epochs": 60, "reason": reason})
    config = before.config.model_copy(update={"patience": 5})
    app = make_app(snapshot=make_snapshot(make_summary(state=State.FINISHED, status=early, config=config)))
    async with app.run_test() as pilot:
        await settle(pilot)
        await pilot.press("r")
        said = str(app.screen.query(Label).first().content)
        assert f"vae-mnist ended after epoch 17 of 60: {reason}." in said
        assert (
            "Its patience counts anew: it ends again after 5 validations without a lower loss. Train to epoch:" in said
        )
        await pilot.press("enter")
        await settle(pilot)
        assert asked == [("vae-mnist", 60), ("started", None)]


async def test_a_question_about_a_long_name_is_shown_whole(make_app: MakeApp) -> None:
    name = 90 * "a"
    app = make_app(snapshot=make_snapshot(make_summary(name, state=State.STOPPED)))
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("d")
        assert "u takes it back." in " ".join(screen_text(app).replace("│", "").split())


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
            if "8/10" in screen_text(app):
                break
        assert "8/10" in screen_text(app)
        assert "Save and stop vae-mnist?" in screen_text(app)


async def test_a_run_that_trains_is_not_deleted_and_that_is_said(make_app: MakeApp) -> None:
    app = make_app(runs=RUNS)
    async with app.run_test() as pilot:
        await settle(pilot)
        await pilot.press("d")
        await settle(pilot)
        assert isinstance(app.screen, RunsScreen)
        assert [note.message for note in app._notifications] == ["vae-mnist is running: stop it first"]


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


@pytest.mark.parametrize(
    ("why", "error", "hints"),
    [
        ("diverged", "the loss is no longer a finite number at step 12", ("lower learning rate",)),
        ("memory", "the device is out of memory", ("once memory is free", "smaller batch")),
        (None, "something broke", ("r resumes from the last save",)),
    ],
)
async def test_the_app_shows_the_reason_and_what_can_be_done(
    make_app: MakeApp, why: str | None, error: str, hints: tuple[str, ...]
) -> None:
    summary = make_summary(state=State.FAILED, error=error, cause=why)
    app = make_app(runs=[summary], snapshot=make_snapshot(summary))
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        shown = " ".join(screen_text(app).split())
        for words in (error, *hints):
            assert all(word in shown for word in words.split())


async def test_a_lower_learning_rate_is_asked_for_and_checked(
    make_app: MakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[int | None, float | None]] = []

    class Started:
        def wait_until_started(self, told_to_stop: Callable[[], bool]) -> None: ...

    def resumed(run: Run, epochs: int | None, learning_rate: float | None, data_dir: Path) -> Started:
        asked.append((epochs, learning_rate))
        return Started()

    monkeypatch.setattr(launch, "resume", resumed)
    summary = make_summary(state=State.FAILED, error="the loss", cause="diverged", learning_rate=0.01, saved_step=1234)
    app = make_app(runs=[summary], snapshot=make_snapshot(summary))
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("enter", "r")
        await pilot.pause()
        assert isinstance(app.screen, AskValue)
        shown = screen_text(app)
        assert "diverged with learning rate 0.01" in shown
        assert "step 1,234" in shown
        field = app.screen.query_one(Input)
        assert field.value == "0.001"
        field.value = "nan"
        await pilot.press("enter")
        await pilot.pause()
        assert "learning rate must be" in screen_text(app)
        field.value = "2e-4"
        await pilot.press("enter")
        await app.workers.wait_for_complete()
    assert asked == [(None, 2e-4)]


async def test_7_a_run_whose_status_is_damaged_is_resumed_by_its_key(
    make_app: MakeApp, asked: list[tuple[str, object]], make_run: Callable[..., Run]
) -> None:
    run = make_run("torn")
    run.write_state(b"whole")
    (run.path / "status.json").write_bytes(b"")
    summary = summarise(run)
    assert (summary.state, summary.damage) == (
        State.LOST,
        "status.json: is not a JSON object; resume continues from its last save",
    )
    app = make_app(runs=[summary])
    async with app.run_test() as pilot:
        await settle(pilot)
        await pilot.press("r")
        await app.workers.wait_for_complete()
        assert asked == [("torn", None), ("started", None)]


async def test_a_learning_rate_is_typed_in_view_of_the_present_one_and_checked_like_the_setting(
    make_app: MakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[tuple[str, float]] = []
    monkeypatch.setattr(launch, "send_learning_rate", lambda run, rate: sent.append((run.name, rate)))
    summary = make_summary()
    assert summary.status is not None
    status = summary.status.updated(base_learning_rate=0.002, learning_rate=0.001)
    app = make_app(snapshot=make_snapshot(replace(summary, status=status)))
    async with app.run_test() as pilot:
        await settle(pilot)
        await pilot.press("S")
        await settle(pilot)
        assert isinstance(app.screen, AskValue)
        goes_on = "the cosine has 50% of it left, and goes on from there"
        assert app.screen._question == f"Learning rate of vae-mnist, 0.002 so far; {goes_on}:"
        app.screen.query_one(Input).value = "7"
        await pilot.press("enter")
        await settle(pilot)
        assert "must be at most 1" in str(app.screen.query_one("#problem", Label).content)
        app.screen.query_one(Input).value = "1e-4"
        await pilot.press("enter")
        await settle(pilot)
        assert sent == [("vae-mnist", 1e-4)]


async def test_a_save_that_was_asked_for_is_said_when_it_is_done(
    make_app: MakeApp, asked: list[tuple[str, object]]
) -> None:
    def after(step: int | None) -> Snapshot:
        summary = make_summary()
        assert summary.status is not None
        return make_snapshot(replace(summary, status=summary.status.model_copy(update={"saved_step": step})))

    def said() -> list[str]:
        return [note.message for note in app._notifications if "is saved" in note.message]

    reader = HandFed(after(100))
    app = make_app(snapshot=after(100), snapshots=lambda run: reader)
    async with app.run_test() as pilot:
        await settle(pilot)
        await feed(pilot, reader, after(200))  # nobody asked for that
        await pilot.press("w")
        await settle(pilot)
        await feed(pilot, reader, after(200))
        assert said() == []
        await feed(pilot, reader, after(250))
        await feed(pilot, reader, after(300))
        assert said() == ["vae-mnist is saved, as it was after step 250"]
