"""The app draws graphics where they are asked for and the terminal has them, no more often than needed."""

from __future__ import annotations

import fcntl
import os
import re
import signal
import struct
import termios
import time

import pytest

from core.runs.run import Run
from tests.support.drawing_terminal import (
    KITTEN,
    KITTY,
    PLACEHOLDER,
    SIXEL,
    XTERM,
    OpenTerminal,
)
from tests.support.explorers import FakeExplorers
from tests.support.screens import MakeApp, answered, until
from tests.support.snapshots import make_snapshot, make_summary
from tui.terminal.graphics import Graphics
from tui.widgets.gallery import Gallery

# The program itself, but for explorers that need no model.
APP = """
import sys
from pathlib import Path
import tui.app
from core.runs.run import Run
from tests.support import explorers, readers, snapshots
from tui.in_terminal import say_goodbye, show
from tui.terminal.detection import detect_graphics
from tui.terminal.guard import guarded

tui.app.real_sources = lambda runs_dir, data_dir: tui.app.Sources(
    runs=lambda: readers.HandFed([snapshots.make_summary()]),
    snapshots=lambda run: readers.HandFed(snapshots.make_snapshot()),
    pictures=readers.Pictures,
    updates=lambda run: readers.HandFed(snapshots.make_run_update()),
    explorer=explorers.FakeExplorers().of,
    moments=lambda run: readers.HandFed(),
    other_runs=lambda run: [],
)
graphics = detect_graphics() if "--graphics" in sys.argv else None
with guarded() as restore:
    app = show(Path("checkpoints"), Path("data"), Run(Path("checkpoints/vae-mnist")), graphics, restore)
say_goodbye(app)
"""


GRAPHICS = Graphics("sixel", 10, 20)


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_sixels_are_sent_when_they_are_asked_for_and_pictures_change(open_terminal: OpenTerminal) -> None:
    terminal = open_terminal(APP, "--graphics", answers=XTERM, COLORTERM="truecolor")
    terminal.wait_for("images/s")
    terminal.press("4")
    terminal.wait_for("samples", "▀▀▀")
    terminal.settle()
    assert not SIXEL.search(terminal.sent)

    drawn = SIXEL.findall(terminal.after("i", SIXEL))
    assert len(drawn) == 4
    assert all(re.match(rb'\x1bP0;0;0q"1;1;1190;140#', sixel) for sixel in drawn)
    assert "▀" not in terminal.read()

    assert not SIXEL.search(terminal.after("\x1b[C"))  # the cursor is text
    assert re.search("\\n {15}▸", terminal.read())
    assert len(SIXEL.findall(terminal.after("r", SIXEL))) == 4

    assert not SIXEL.search(terminal.after("?"))
    assert "show all keys" in terminal.read()
    assert "▀" in terminal.read()
    assert SIXEL.search(terminal.after("\x1b", SIXEL))
    assert "▀" not in terminal.read()

    assert not SIXEL.search(terminal.after("i"))
    assert "▀" in terminal.read()
    terminal.press("q")
    assert terminal.wait_for_end() == 0
    assert not KITTY.search(terminal.sent)


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_kitty_gets_pictures_and_placeholders_and_is_left_without_them(open_terminal: OpenTerminal) -> None:
    # What else is drawn has no colour; the number of a picture, which is one, arrives all the same.
    terminal = open_terminal(APP, "--graphics", answers=KITTEN, NO_COLOR="1")
    terminal.wait_for("images/s")
    terminal.press("4")
    terminal.wait_for("samples")
    terminal.settle()
    assert b"\x1b_Ga" not in terminal.sent
    assert PLACEHOLDER not in terminal.sent

    drawn = terminal.after("i", re.compile(PLACEHOLDER))
    numbers = re.findall(rb"\x1b_Ga=T,U=1,f=100,q=2,i=(\d+),c=119,r=7,m=", drawn)
    assert len(set(numbers)) == 4
    assert drawn.count(PLACEHOLDER) == 4 * 7 * 119
    for number in map(int, numbers):
        assert b"\x1b[38;2;%d;%d;%dm" % (number >> 16, number >> 8 & 255, number & 255) in drawn
    assert PLACEHOLDER not in terminal.after("\x1b[C")

    others = terminal.after("r", re.compile(PLACEHOLDER))
    more = re.findall(rb"\x1b_Ga=T[^;]*,i=(\d+)", others)
    terminal.press("q")
    assert terminal.wait_for_end() == 0
    forgotten = re.findall(rb"\x1b_Ga=d,d=I,i=(\d+),q=2\x1b", terminal.sent.rpartition(b"\x1b[?1049l")[2])
    assert set(forgotten) == {*numbers, *more}


@pytest.mark.timeout(180)
def test_without_the_option_nothing_is_asked_and_the_key_says_how_to_get_it(open_terminal: OpenTerminal) -> None:
    terminal = open_terminal(APP, answers=XTERM)
    terminal.wait_for("images/s")
    terminal.press("4")
    terminal.wait_for("samples")
    terminal.press("i")
    terminal.wait_for("start with:", "vae-tui --graphics")
    assert not SIXEL.search(terminal.sent)
    assert not KITTY.search(terminal.sent)
    assert b"\x1b[c" not in terminal.sent


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_a_resized_terminal_and_one_too_small_are_drawn_again(open_terminal: OpenTerminal) -> None:
    terminal = open_terminal(APP, "--graphics", answers=XTERM)
    terminal.wait_for("images/s")
    terminal.press("3")
    terminal.wait_for("validation images")
    terminal.after("i", SIXEL)
    for size in ((60, 20), (20, 8), (9, 3), (200, 60)):
        terminal.resize(*size)
        os.kill(terminal.process.pid, signal.SIGWINCH)
        drawn = terminal.settle(1.0)
        assert terminal.process.poll() is None
    assert SIXEL.search(drawn)
    assert "validation images" in terminal.read()

    # Letters become smaller: more and smaller cells.
    fcntl.ioctl(terminal._master, termios.TIOCSWINSZ, struct.pack("4H", 61, 201, 201 * 8, 61 * 15))
    os.kill(terminal.process.pid, signal.SIGWINCH)
    sides = re.findall(rb'\x1bP0;0;0q"1;1;(\d+);(\d+)', terminal.settle(1.0))
    assert len(sides) >= 2
    assert all(int(width) % 8 == int(height) % 15 == 0 for width, height in sides[-2:])  # of the page, of the detail


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_what_a_message_covered_is_drawn_again(open_terminal: OpenTerminal) -> None:
    terminal = open_terminal(APP, "--graphics", answers=XTERM, size=(80, 24))
    terminal.wait_for("images/s")
    terminal.press("3")
    terminal.wait_for("validation images")
    terminal.after("i", SIXEL)
    terminal.press("e")
    terminal.wait_for("written")
    assert not SIXEL.search(terminal.settle(0.5))
    deadline = time.monotonic() + 30
    gone = len(terminal.sent)
    while not SIXEL.search(terminal.sent, gone):
        assert time.monotonic() < deadline
        terminal.read()
    assert "written" not in terminal.read()


async def test_each_screen_switches_and_keeps_its_answers(make_app: MakeApp, monkeypatch: pytest.MonkeyPatch) -> None:
    explorers = FakeExplorers()
    other = make_summary("other").run
    app = make_app(snapshot=make_snapshot(), explorer=explorers.of, other_runs=lambda run: [other])
    monkeypatch.setattr(Run, "weights_version", lambda run: 1)
    app.graphics = GRAPHICS
    async with app.run_test(size=(140, 44)) as pilot:
        await answered(pilot)
        await pilot.press("i")
        assert app.graphics_shown == GRAPHICS
        opened = (("3",), ("enter",), ("escape", "4"), ("v",), ("a",), ("escape", "5"), ("6", "v"))
        for keys in opened:
            await pilot.press(*keys)
            await answered(pilot)
            await until(
                pilot,
                lambda: any(g._sheets and g.region for g in app.screen.query(Gallery)),
                f"graphics after {keys}",
            )
        assert app.selected_run is not None
        explorer = explorers[app.selected_run]
        asked = explorer.times("samples")
        await pilot.press("i", "i", "i")
        await answered(pilot)
        assert app.graphics_shown is None
        assert not any(gallery._sheets for gallery in app.screen.query(Gallery))
        assert explorer.times("samples") == asked


async def test_a_terminal_without_graphics_says_how_to_get_them(make_app: MakeApp) -> None:
    app = make_app()
    async with app.run_test() as pilot:
        await pilot.press("i")
        await pilot.pause()
        (said,) = app._notifications
        assert "start with: vae-tui --graphics" in said.message
        assert app.graphics_shown is None
