"""Keys that arrive at once act in the order typed, on every screen, as if each had been waited for."""

from __future__ import annotations

import asyncio
import time

import pytest
from textual import events
from textual.widgets import Input, Select

from tests.support.readers import HandFed
from tests.support.screens import MakeApp, burst, press, screen_text, settle, shown, until
from tests.support.snapshots import RUNS, snapshot_of
from tui.app import VaeTui
from tui.screens.charts.grid import ChartGrid
from tui.screens.dialogs import Confirm
from tui.screens.help.keys import Keys
from tui.screens.inspect.image import ImageDetailScreen
from tui.screens.inspect.path import LatentPathScreen
from tui.screens.inspect.sample import SampleScreen
from tui.screens.runs.list import RunsScreen
from tui.screens.runs.new_run import NewRun
from tui.screens.runs.training import TrainingScreen
from tui.terminal import key_order
from tui.terminal.key_order import LONGEST_SECONDS


@pytest.mark.parametrize(
    ("keys", "row"),
    [
        (("down", "enter"), 1),
        (("down", "down", "enter"), 2),
        (("end", "up", "enter"), len(RUNS) - 2),
        (("down", "end", "home", "down", "enter"), 1),
        (("pagedown", "home", "enter"), 0),
        (("down", "down", "2"), 2),
        (("enter", "1", "down", "enter"), 1),
        (("down", "question_mark", "escape", "down", "enter"), 2),
    ],
)
async def test_enter_opens_the_run_that_the_keys_before_went_to(
    make_app: MakeApp, keys: tuple[str, ...], row: int
) -> None:
    app = make_app(runs=RUNS)
    async with app.run_test() as pilot:
        await settle(pilot)
        await burst(pilot, *keys)
        assert isinstance(app.screen, TrainingScreen)
        assert app.selected_run == RUNS[row].run


async def test_keys_that_come_before_the_list_was_read_act_on_it(
    make_app: MakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = make_app(runs=RUNS)
    poll = HandFed.poll

    def poll_late(reader: HandFed[object]) -> object:
        time.sleep(0.2)
        return poll(reader)

    monkeypatch.setattr(HandFed, "poll", poll_late)
    async with app.run_test() as pilot:
        await burst(pilot, "down", "down", "enter")
        await until(pilot, lambda: isinstance(app.screen, TrainingScreen), "the run")
        assert app.selected_run == RUNS[2].run


async def test_what_is_asked_names_the_run_that_the_keys_before_went_to(make_app: MakeApp) -> None:
    app = make_app(runs=RUNS)
    async with app.run_test() as pilot:
        await settle(pilot)
        await burst(pilot, "down", "down", "down", "d")
        assert "Delete vae-2" in screen_text(app)
        await burst(pilot, "n", "up", "up", "s")
        assert isinstance(app.screen, Confirm)
        assert "stop ae-mnist" in screen_text(app)


async def test_a_key_that_opens_a_dialog_is_followed_by_keys_for_the_dialog(make_app: MakeApp) -> None:
    app = make_app(runs=RUNS)
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await burst(pilot, "n", "tab", "tab", *5 * ["backspace"], *"12")
        form = shown(app, NewRun)
        assert form.query_one("#epochs", Input).value == "12"
        await burst(pilot, "escape", "question_mark", "escape", "down")
        assert shown(app, RunsScreen).chosen() is RUNS[1]


async def test_a_number_is_typed_into_the_dialog_that_a_key_opened(run_app: VaeTui) -> None:
    async with run_app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "4")
        await burst(pilot, "number_sign", "backspace", *"42", "enter")
        assert shown(run_app, SampleScreen).seed == 42
        await burst(pilot, "number_sign", *"7", "left", "backspace", "escape", ">")
        assert shown(run_app, SampleScreen).seed == 43


async def test_the_screen_that_a_key_opened_gets_the_keys_behind_it(run_app: VaeTui) -> None:
    async with run_app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "3")
        await burst(pilot, "right", "right", "enter", "right", "t")
        assert isinstance(run_app.screen, LatentPathScreen)
        await burst(pilot, "escape", "left")
        assert shown(run_app, ImageDetailScreen).place == 2
        await burst(pilot, "escape", "4", "right", "space", "right", "t")
        assert isinstance(run_app.screen, LatentPathScreen)
        await burst(pilot, "escape", "question_mark")
        assert isinstance(run_app.screen, Keys)


async def test_two_digits_are_marked_and_walked_between_that_are_not_drawn_yet(run_app: VaeTui) -> None:
    async with run_app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "4")
        screen = shown(run_app, SampleScreen)
        drawn, screen.drawn = screen.drawn, None
        assert drawn is not None
        await burst(pilot, "right", "space", "right", "right", "t")
        assert screen is run_app.screen
        screen._show_frame(drawn)
        await settle(pilot)
        assert isinstance(run_app.screen, LatentPathScreen)
        assert (screen.marks, screen.chosen) == ((1,), 3)


async def test_a_key_that_ends_the_widget_it_went_to_keeps_none_waiting(make_app: MakeApp) -> None:
    app = make_app(runs=RUNS, snapshots=lambda run: HandFed(snapshot_of(run)))
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await press(pilot, "enter", "c")
        start = time.monotonic()
        await burst(pilot, "enter", "left")
        assert app.screen.query_one(ChartGrid)._window.cursor is not None
        assert time.monotonic() - start < LONGEST_SECONDS


async def test_a_run_that_was_just_opened_is_stopped_after_asking(
    make_app: MakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, str]] = []
    monkeypatch.setattr("core.jobs.launch.send_request", lambda run, action: asked.append((run.name, action)))
    app = make_app(runs=RUNS, snapshots=lambda run: HandFed(snapshot_of(run)))
    async with app.run_test() as pilot:
        await settle(pilot)
        await burst(pilot, "enter", "s", "y")
        await until(pilot, lambda: asked, "the request")
    assert asked == [("vae-mnist", "stop")]


async def test_a_choice_in_a_list_of_the_form_is_taken(make_app: MakeApp) -> None:
    app = make_app(runs=[])
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await burst(pilot, "n", "enter", "down", "down", "enter", "tab")
        form = shown(app, NewRun)
        assert form.query_one("#preset", Select).value == "ae"
        assert form.focused is form.query_one("#dataset")
        await burst(pilot, "ctrl+o", "ctrl+o", "escape", "n")
        assert isinstance(app.screen, NewRun)


async def test_a_key_that_comes_while_the_app_is_being_left_does_not_keep_it(
    make_app: MakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = make_app(runs=RUNS)
    async with app.run_test() as pilot:
        await settle(pilot)
        with monkeypatch.context() as left:
            left.setattr(key_order, "_caught_up", lambda pump: None)  # as of widgets that are closed
            left.setattr(app, "_whereabouts", object)
            app.post_message(events.Key("down", None))
            await asyncio.sleep(0.2)  # it takes the key
            await until(pilot, lambda: not app.handles_keys, "the key's end")
