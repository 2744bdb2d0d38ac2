"""The pencil: what is drawn with keys and mouse, taken back, rubbed off and read from files, and what is said of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from textual.pilot import Pilot
from textual.widgets import Input

from core.errors import RunError
from core.latents.options import CompletionOptions
from core.runs.config import check_values
from tests.support.explorers import FakeExplorers
from tests.support.screens import MakeApp, answered, press, screen_text, shown, until
from tests.support.snapshots import RUN, make_snapshot, make_summary
from tui import export_plots
from tui.app import VaeTui
from tui.screens.asking import Abandoned
from tui.screens.dialogs import AskClass
from tui.screens.inspect.path import LatentPathScreen
from tui.screens.sketch.completion import CompletionScreen
from tui.screens.sketch.paper import Paper
from tui.screens.sketch.screen import SketchScreen
from tui.widgets.scatter import Scatter


async def open_sketch(pilot: Pilot[None], app: VaeTui) -> SketchScreen:
    await press(pilot, "3", "b")
    return shown(app, SketchScreen)


async def test_keys_draw_a_line_and_every_stroke_is_asked_about(run_app: VaeTui, explorers: FakeExplorers) -> None:
    async with run_app.run_test(size=(120, 40)) as pilot:
        sketch = await open_sketch(pilot, run_app)
        assert "draw a digit" in screen_text(run_app)
        await press(pilot, "down", "down")
        assert not sketch.ink.any(), "the pen is up"
        await press(pilot, "space", "right", "right", "right", "space", "up")
        assert (sketch.ink[16, 14:18] == 1).all()
        assert sketch.ink[15, 14] < 1
        assert sketch.ink[:14].sum() == 0
        text = screen_text(run_app)
        assert "a classifier takes it for" in text
        assert "squared error" in text
        assert "pencil up, 2.5 pixels wide" in text
        assert explorers[RUN].times("sketch") >= 1


async def test_the_mouse_draws_what_it_passes(run_app: VaeTui) -> None:
    async with run_app.run_test(size=(120, 40)) as pilot:
        sketch = await open_sketch(pilot, run_app)
        paper = sketch.query_one(Paper)
        assert paper.scale == 2
        await pilot.mouse_down(paper, offset=(11, 5))
        await pilot.hover(paper, offset=(31, 5))
        await pilot.mouse_up(paper, offset=(31, 5))
        await answered(pilot)
        assert sketch.ink[4, 6:15].min() > 0.9
        assert sketch.ink[4, :3].max() == sketch.ink[10].max() == 0


async def test_strokes_are_taken_back_rubbed_off_and_cleared(run_app: VaeTui) -> None:
    async with run_app.run_test(size=(80, 24)) as pilot:
        sketch = await open_sketch(pilot, run_app)
        await press(pilot, "space", "right", "right", "right", "right", "space")
        line = sketch.ink
        await press(pilot, "b", "space", "left", "left", "space")
        assert "rubber  the mouse rubs out" in screen_text(run_app).splitlines()[1]
        assert sketch.ink.sum() < 0.6 * line.sum()
        await press(pilot, "u")
        np.testing.assert_array_equal(sketch.ink, line)
        await press(pilot, "0")
        assert not sketch.ink.any()
        assert sketch.answer is None
        assert sketch.query_one(Scatter).message == "", "nothing that lies anywhere"
        await press(pilot, "u")
        np.testing.assert_array_equal(sketch.ink, line)
        await press(pilot, "u", "u", "u")
        assert not sketch.ink.any()
        await press(pilot, "b", "b", "right_square_bracket", "space", "space")
        assert "pencil up, 3 pixels wide" in screen_text(run_app)
        await press(pilot, *["left_square_bracket"] * 5)
        assert "pencil up, 1 pixel wide" in screen_text(run_app)


async def test_what_was_asked_before_the_sheet_was_cleared_is_not_shown(
    run_app: VaeTui, explorers: FakeExplorers
) -> None:
    async with run_app.run_test(size=(120, 40)) as pilot:
        sketch = await open_sketch(pilot, run_app)
        explorers[RUN].gate.clear()
        await pilot.press("space")
        await until(pilot, lambda: explorers[RUN].times("sketch") == 1, "the question")
        await pilot.press("0")
        explorers[RUN].gate.set()
        await answered(pilot)
        assert sketch.answer is None
        assert "draw a digit" in screen_text(run_app)


async def test_a_picture_file_is_taken_in_place_of_what_is_drawn(run_app: VaeTui, tmp_path: Path) -> None:
    note = np.full((90, 70), 250, np.uint8)
    note[20:70, 30:36] = 10
    Image.fromarray(note).save(tmp_path / "note.png")
    (tmp_path / "text.png").write_text("no picture")
    Image.fromarray(np.full((40, 40), 255, np.uint8)).save(tmp_path / "void.png")
    see_through = np.zeros((90, 70, 4), np.uint8)  # black on nothing
    see_through[20:70, 30:36, 3] = 255
    Image.fromarray(see_through).save(tmp_path / "clear.png")
    run_app.shared.folder = tmp_path
    async with run_app.run_test(size=(120, 40)) as pilot:
        sketch = await open_sketch(pilot, run_app)
        await press(pilot, "number_sign", *"text.png", "enter")
        await until(pilot, lambda: "text.png: no picture" in screen_text(run_app), "why not")
        await press(pilot, *["backspace"] * 8, *"void.png", "enter")
        await until(pilot, lambda: "void.png: nothing is drawn in it" in screen_text(run_app), "why not that one")
        for typed, said in (("~nosuchuser/a.png", "begins with ~"), ("a" * 300, "too long")):
            run_app.screen.query_one(Input).value = typed
            await press(pilot, "enter")
            assert said in screen_text(run_app)
        run_app.screen.query_one(Input).value = "note.png"
        await press(pilot, "enter")
        await until(pilot, lambda: sketch.ink.any(), "the digit")
        rows = np.flatnonzero(sketch.ink.max(axis=1) > 0.5)
        assert (rows[0], rows[-1]) in ((4, 23), (5, 24))
        from_paper = sketch.ink
        await press(pilot, "u")
        assert not sketch.ink.any()
        await press(pilot, "number_sign", *"clear.png", "enter")
        await until(pilot, lambda: sketch.ink.any(), "the digit on nothing")
        assert sketch.ink.sum() == pytest.approx(from_paper.sum(), rel=0.05)


async def test_what_the_explorer_cannot_answer_is_said_and_drawing_goes_on(
    run_app: VaeTui, explorers: FakeExplorers, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with run_app.run_test(size=(120, 40)) as pilot:
        sketch = await open_sketch(pilot, run_app)
        explorers[RUN].fail = RunError("the weights are gone")
        await press(pilot, "space", "right", "space")
        assert "the weights are gone" in screen_text(run_app)
        explorers[RUN].fail = None
        await press(pilot, "down", "space", "right")
        assert "a classifier takes it for" in screen_text(run_app)
        assert sketch.ink.any()


async def test_the_latent_of_what_is_drawn_is_walked_from(run_app: VaeTui) -> None:
    async with run_app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "5", "b", "space", "right", "t")
        shown(run_app, LatentPathScreen)
        await press(pilot, "escape")
        sketch = shown(run_app, SketchScreen)
        assert sketch.ink.any()
        await press(pilot, "escape")
        assert not isinstance(run_app.screen, SketchScreen)


async def test_the_sheet_is_found_as_it_was_left_wherever_the_pencil_is_opened(run_app: VaeTui) -> None:
    async with run_app.run_test(size=(120, 40)) as pilot:
        await press(pilot, *"3b", "space", "right", "right", "c", "escape")
        await press(pilot, "b")
        sketch = shown(run_app, SketchScreen)
        assert sketch.ink.any()
        assert sketch.sheet.half == "lower"
        assert "squared error" in screen_text(run_app)
        await press(pilot, *"5bu")
        assert shown(run_app, SketchScreen) is not sketch
        await press(pilot, "3")
        assert shown(run_app, SketchScreen) is sketch
        assert sketch.sheet.half is None
        assert "╱" * 28 not in screen_text(run_app), "what was taken back elsewhere is shown"
        await press(pilot, "0", "escape", "b")
        assert "draw a digit" in screen_text(run_app)


async def test_the_pencil_explains_what_it_shows(run_app: VaeTui) -> None:
    async with run_app.run_test(size=(120, 40)) as pilot:
        await press(pilot, *"3bX")
        assert "its centre of mass in the middle" in screen_text(run_app)


async def test_a_hidden_half_is_completed_by_several_answers(
    run_app: VaeTui, explorers: FakeExplorers, tmp_path: Path
) -> None:
    run_app.shared.folder = tmp_path
    async with run_app.run_test(size=(120, 40)) as pilot:
        sketch = await open_sketch(pilot, run_app)
        await press(pilot, "enter")
        assert sketch.is_active, "nothing is hidden"
        await press(pilot, "space", "down", "down", "space", "c", "c")
        assert (sketch.sheet.half, sketch.ink[16, 14]) == ("right", 1)
        assert "╱" * 28 in screen_text(run_app)
        await press(pilot, "enter")
        shown(run_app, CompletionScreen)
        assert explorers[RUN].asked[-1] == ("complete", 14 * 28, CompletionOptions())
        text = screen_text(run_app)
        assert "seed 0  6 answers of optimised latents; 392 of 784 pixels are hidden" in text
        assert "what it sees" in text
        assert "5, error 2.5" in text
        await press(pilot, "greater_than_sign", "c")
        assert explorers[RUN].asked[-1][-1].seed == 1
        assert not isinstance(run_app.screen, AskClass), "no learned prior, no digit to ask for"
        await press(pilot, "right_curly_bracket")
        assert "only a learned prior can be asked for a digit" in [said.message for said in run_app._notifications]
        times = explorers[RUN].times("complete")
        await pilot.resize_terminal(100, 30)
        await answered(pilot)
        assert explorers[RUN].times("complete") == times, "another size is no other question"
        await press(pilot, "e", "right", "t")
        shown(run_app, LatentPathScreen)
        await until(pilot, lambda: len([*tmp_path.iterdir()]) == 1, "the picture")
        (written,) = tmp_path.iterdir()
        picture = np.asarray(Image.open(written).convert("L"))
        assert picture.shape[1] == 7 * 240
        assert (picture[:70] < 128).any(), "a title"
        await press(pilot, "escape", "escape")
        assert sketch.is_active


async def test_an_empty_sheet_is_not_completed(run_app: VaeTui) -> None:
    async with run_app.run_test(size=(80, 24)) as pilot:
        sketch = await open_sketch(pilot, run_app)
        await press(pilot, "c", "enter")
        assert sketch.is_active
        assert ["nothing is drawn yet" in said.message for said in run_app._notifications] == [True]


async def test_what_keys_change_of_a_completion_comes_first(make_app: MakeApp, explorers: FakeExplorers) -> None:
    config = check_values(dataset="mnist", preset="prior", first_stage="ae", first_stage_preset="ae")
    app = make_app(snapshot=make_snapshot(make_summary(config=config)), explorer=explorers.of)
    async with app.run_test(size=(80, 24)) as pilot:
        await press(pilot, *"3b", "space", "right", "c")
        assert "of the whole: squared error" in screen_text(app)
        await press(pilot, "enter", "right_curly_bracket")
        assert explorers[RUN].asked[-1][-1].guidance == 1
        assert [said.message for said in app._notifications] == ["guidance is towards a digit: c asks for one"]
        await press(pilot, "c", "7", "right_curly_bracket", "greater_than_sign")
        assert explorers[RUN].asked[-1][-1] == CompletionOptions(seed=1, digit=7, guidance=1.5)
        assert "digit 7 asked for, guidance 1.5, seed 1  6 answers" in screen_text(app).splitlines()[1]
        await press(pilot, "X")
        assert "guidance above 1" in screen_text(app)


async def test_answers_are_called_what_they_were_asked_for_until_others_come(
    make_app: MakeApp, explorers: FakeExplorers, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    config = check_values(dataset="mnist", preset="prior", first_stage="ae", first_stage_preset="ae")
    app = make_app(snapshot=make_snapshot(make_summary(config=config)), explorer=explorers.of)
    app.shared.folder = tmp_path
    written: list[tuple[str, str]] = []
    monkeypatch.setattr(export_plots, "save_tiles", lambda path, page: written.append((path.name, page.title)))
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, *"3b", "space", "right", "c", "enter")
        screen = shown(app, CompletionScreen)
        explorers[RUN].gate.clear()
        await pilot.press("greater_than_sign", "c", "7", "right_curly_bracket")
        await until(pilot, lambda: screen.is_active and screen.options.guidance == 1.5, "what is wanted")
        await until(pilot, lambda: "next: digit 7, guidance 1.5, seed 1" in screen_text(app), "what comes")
        assert "any digit, seed 0  6 answers of" in screen_text(app).splitlines()[1]
        await pilot.press("e")
        await until(pilot, lambda: written, "the picture of what is seen")
        name, title = written[0]
        assert "seed0" in name
        assert title.endswith("any digit, seed 0")
        explorers[RUN].gate.set()
        await answered(pilot)
        assert "digit 7 asked for, guidance 1.5, seed 1  6 answers" in screen_text(app).splitlines()[1]
        assert "next:" not in screen_text(app)


@pytest.mark.parametrize("environment", [{"NO_COLOR": "1"}, {"COLORTERM": "truecolor"}])
async def test_answers_use_the_room_and_hatch_what_is_hidden_with_no_ink(
    make_app: MakeApp, explorers: FakeExplorers, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    app = make_app(snapshot=make_snapshot(), explorer=explorers.of)
    async with app.run_test(size=(100, 30)) as pilot:
        await press(pilot, *"3b", "space", "down", "c", "enter")
        lines = screen_text(app).splitlines()
        assert sum("error" in line for line in lines[2:]) == 2
        assert "what it sees         ▸0, error 0.0   " in lines[13]
        assert lines[12].startswith("╱" * 21)
        assert "╱" not in lines[12][21:]


async def test_the_cover_hides_what_it_passes_and_pencil_and_rubber_show_it_again(run_app: VaeTui) -> None:
    async with run_app.run_test(size=(80, 24)) as pilot:
        sketch = await open_sketch(pilot, run_app)
        await press(pilot, "space", "right", "right", "right", "space", "b", "b")
        assert "cover up" in screen_text(run_app)
        await press(pilot, "space", "left", "left", "space")
        hidden, ink = sketch.sheet.hidden, sketch.ink
        assert hidden[14, 15:18].all()
        assert not hidden[14, :12].any()
        assert (ink[14, 14:18] == 1).all(), "what is hidden is still there"
        await press(pilot, "b", "space", "space")
        assert not sketch.sheet.hidden[14, 15]
        assert sketch.sheet.hidden[14, 17]
        await press(pilot, "u", "u")
        assert not sketch.sheet.hidden.any()


async def test_a_completion_that_is_left_is_ended(run_app: VaeTui, explorers: FakeExplorers) -> None:
    async with run_app.run_test(size=(80, 24)) as pilot:
        sketch = await open_sketch(pilot, run_app)
        await press(pilot, "space", "down", "c")
        explorers[RUN].gate.clear()
        await pilot.press("enter")
        await until(pilot, lambda: explorers[RUN].times("complete") == 1, "the question")
        await until(pilot, lambda: "what it sees" in screen_text(run_app), "what is completed")
        report = explorers[RUN].reports[-1]
        report("completing: 1 of 20")
        await until(pilot, lambda: "completing: 1 of 20" in screen_text(run_app), "how far it is")
        await pilot.press("escape")
        await until(pilot, lambda: sketch.is_active, "the sheet")
        with pytest.raises(Abandoned):
            report("completing: 2 of 20")
        explorers[RUN].gate.set()
