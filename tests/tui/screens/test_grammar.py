"""One grammar: docs/keys.md holds each key once, and the screens that follow it give no key another meaning."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from textual.binding import Binding, BindingType

from tests.support.explorers import FakeExplorers
from tests.support.readers import Readers
from tests.support.screens import MakeApp, press, settle
from tests.support.snapshots import OTHER, RUNS, make_run_update, make_snapshot, make_summary
from tests.tui.screens.test_every_view import VIEWS
from tui.app import VaeTui
from tui.messages import RunUpdate
from tui.screens.charts.keys import CHART_KEYS
from tui.screens.runs.new_run import NewRun
from tui.screens.runs.notes_form import NotesForm

PAGE = (Path(__file__).parents[3] / "docs" / "keys.md").read_text()
NAMES = {
    "question_mark": "?",
    "plus": "+",
    "equals_sign": "+",
    "minus": "-",
    "underscore": "-",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
    "left_curly_bracket": "{",
    "right_curly_bracket": "}",
    "number_sign": "#",
    "asterisk": "*",
    "comma": ",",
    "full_stop": ".",
    "pageup": "pgup",
    "pagedown": "pgdn",
    "tilde": "~",
    "slash": "/",
    "left_parenthesis": "(",
    "right_parenthesis": ")",
    "exclamation_mark": "!",
    "greater_than_sign": ">",
    "less_than_sign": "<",
    "semicolon": ";",
    "colon": ":",
    "circumflex_accent": "^",
    "dollar_sign": "$",
}
ARROWS = {"left", "right", "up", "down"}
SCROLLS = {"scroll_up", "scroll_down", "scroll_left", "scroll_right"}
SHIFTED = {"shift+left", "shift+right", "shift+up", "shift+down"}
# What a key is for, by a word that stands in the page, and the actions that do that.
ACTIONS = {
    "fold and unfold": {"fold", "unfold"},
    "the other way round": {"turn_round"},
    "move the cursor": {"move", "move_row", "sideways", "turn", "cursor_up", "cursor_down", *SCROLLS},
    "the first, the last": {"edge", "first", "last", "scroll_home", "scroll_end"},
    "a page": {"page", "move", "page_up", "page_down"},
    "wider than the screen": {"page_left", "page_right"},
    "zoom in and out": {"zoom", "size"},
    "pan": {"pan"},
    "the whole again": {"whole"},
    "first quantity": {"narrow", "warm", "number", "samples", "width", "move_in_queue", "speed"},
    "second one": {"zoom_y", "guidance", "number"},
    "type a value": {"type_range", "type_seed", "type_numbers", "ask_number"},
    "the seed before": {"seed"},
    "the next way to look": {"look", "turn"},
    "the next way to draw": {"sampler"},
    "the next order": {"order", "projection", "sort"},
    "fit: the projection": {"fit"},
    "the moment of the training before": {"moment"},
    "the first moment": {"moment_edge"},
    "animate": {"animate", "flow"},
    "walk through": {"walk"},
    "what is on the left": {"swap"},
    "what the x axis counts": {"scale", "x_axis"},
    "smoother": {"smoothing"},
    "filter": {"filter"},
    "look at the same thing": {"next_view"},
    "choose which": {"charts", "classes", "columns", "half"},
    "open or do": {
        *("open_run", "choose", "maximise", "close_up", "walk", "decode", "choose_other", "measure", "select"),
        "complete",
    },
    "back, close": {"leave", "show", "back", "cancel", "dismiss", "answer", "unfilter"},
    "what the sweep": {"sweep"},
    "next or the previous": {"turn", "focus_next", "focus_previous"},
    "mark what": {"mark"},
    "pen down": {"pen"},
    "draw a digit yourself": {"sketch", "tool"},
    "the last stroke": {"undo"},
    "an empty sheet": {"clear"},
    "path of a picture": {"load"},
    "from the last mark": {"mark_range"},
    "mark all": {"mark_all"},
    "pause": {"pause", "unpause"},
    "pause the queue": {"pause_queue"},
    "save and stop": {"stop"},
    "save now": {"save"},
    "set the learning rate": {"set_rate"},
    "resume": {"resume"},
    "delete (asks": {"delete"},
    "the trash": {"trash"},
    "rename": {"rename"},
    "notes and tags": {"notes"},
    "copy the path": {"copy_path"},
    "what its trainer says": {"log"},
    "with the settings": {"new_like"},
    "goes on from where": {"fork"},
    "the next run": {"step_run"},
    "was deleted last": {"restore"},
    "write what is seen": {"export"},
    "a new run": {"new_run"},
    "start the training": {"start", "save"},
    "have it wait": {"enqueue"},
    "more settings": {"more"},
    "the screens": {"show"},
    "graphics": {"graphics"},
    "the keys": {"keys", "command_palette"},
    "explain what": {"explain"},
    "quit": {"quit", "suspend_process"},
}


def meanings() -> dict[str, str]:
    """Each key of the page's tables, and its meaning."""
    found: dict[str, str] = {}
    for row in re.findall(r"^\| (.*?) \| (.*?) \|$", PAGE, re.MULTILINE):
        keys = re.findall(r"`([^`]+)`", row[0])
        if "`1` to `7`" in row[0]:
            keys = list("1234567")
        keys += [*ARROWS] * row[0].startswith("arrows") + [*SHIFTED] * ("shift with" in row[0])
        for key in keys:
            assert key not in found, f"{key} stands in the page twice"
            found[key] = row[1]
    return found


def check(key: str, action: str) -> None:
    name = NAMES.get(key, key)
    meaning = meanings().get(name)
    assert meaning is not None, f"{key} ({action}) is not in docs/keys.md"
    word = action.split("(")[0].removeprefix("app.")
    kinds = [said for said, actions in ACTIONS.items() if word in actions]
    assert any(said in meaning for said in kinds), f"{key} does {word}, and docs/keys.md says: {meaning}"


def check_screen(app: VaeTui) -> None:
    for key, active in app.screen.active_bindings.items():
        of_textual = active.binding.system or active.binding.action.startswith("screen.copy")
        if not of_textual and key not in ("ctrl+q", "ctrl+c"):
            check(key, active.binding.action)


@pytest.mark.parametrize("preset", ["vae", "prior"])
async def test_screens_give_keys_the_meaning_of_the_page(
    make_app: MakeApp, explorers: FakeExplorers, updates: Readers[RunUpdate], preset: str
) -> None:
    summary = make_summary(preset=preset)
    updates.first = lambda run: make_run_update(summary)
    app: VaeTui = make_app(
        runs=RUNS, snapshot=make_snapshot(summary), explorer=explorers.of, other_runs=lambda run: [OTHER]
    )
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        for keys in (["1"], ["2"], ["5", "a"], *VIEWS.values()):
            await press(pilot, *keys)
            check_screen(app)
            await press(pilot, *["escape"] * (len(app.screen_stack) - 1))


@pytest.mark.parametrize("keys", [CHART_KEYS, NewRun.BINDINGS, NotesForm.BINDINGS], ids=["charts", "new", "notes"])
def test_charts_and_forms_give_keys_the_meaning_of_the_page(keys: list[BindingType]) -> None:
    for binding in keys:
        assert isinstance(binding, Binding)
        for key in binding.key.split(","):
            check(key, binding.action)


def test_a_key_is_declared_with_an_id_and_what_it_does() -> None:
    ids = [binding.id for binding in CHART_KEYS if isinstance(binding, Binding)]
    assert all(ids)
    assert len(set(ids)) == len(ids)
