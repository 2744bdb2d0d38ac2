"""The terminal is asked once what it draws pictures with, with patience, and left as it was."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.support.drawing_terminal import (
    ATTRIBUTES,
    CELL_SIZE,
    KITTEN,
    KITTY_QUESTION,
    PLAIN,
    QUESTION,
    XTERM,
    OpenTerminal,
)

ASK = """
import select, termios
from tui.terminal.detection import detect_graphics
from tui.terminal.graphics import NoGraphics
before = termios.tcgetattr(0)
try:
    graphics = detect_graphics(timeout=1.5)
    said = f"{graphics.protocol} {graphics.cell_width}x{graphics.cell_height}"
except NoGraphics as why:
    said = f"no: {why}"
left = select.select([0], [], [], 0.3)[0]
print(said + ";", "changed" if left or termios.tcgetattr(0) != before else "as before", flush=True)
"""


@pytest.mark.parametrize(
    ("answers", "delay", "said"),
    [
        (XTERM, 0, "sixel 10x20"),
        (KITTEN, 0, "kitty 10x20"),
        (XTERM, 0.3, "sixel 10x20"),
        (KITTEN, 0.3, "kitty 10x20"),
        (KITTEN | {ATTRIBUTES: b"\x1b[?62;4c"}, 0, "sixel 10x20"),
        (PLAIN, 0, "no: the terminal has neither sixel nor kitty graphics"),
        (PLAIN | {ATTRIBUTES: b"\x1b[?64;14;42c"}, 0, "no: the terminal has neither sixel nor kitty"),
        (PLAIN | {KITTY_QUESTION: b"\x1b_Gi=31;EINVAL:what\x1b\\"}, 0, "no: the terminal has neither"),
        ({}, 0, "no: the terminal did not answer within 1.5 s"),
        ({ATTRIBUTES: b"\xff\x00\x1b_G;;\x1b[?x;;\x1b[6;t" * 9}, 0, "no: the terminal did not answer within 1.5 s"),
        ({ATTRIBUTES: b"abc\x1b[A\x1b[?62;4c"}, 0, "no: the terminal does not tell the size of its cells in pixels"),
        (XTERM | {CELL_SIZE: b"\x1b[6;9999;9999t"}, 0, "no: the terminal does not tell the size of its cells"),
        (XTERM | {ATTRIBUTES: b"\x1b[?62;4c" + 700 * b"too much"}, 0, "sixel 10x20"),
        (XTERM | {CELL_SIZE: b"keys typed early\x1b[6;36;18t"}, 0, "sixel 18x36"),
    ],
)
def test_the_terminal_is_asked_with_patience_and_left_as_it_was(
    open_terminal: OpenTerminal, answers: dict[bytes, bytes], delay: float, said: str
) -> None:
    terminal = open_terminal(ASK, answers=answers, delay=delay)
    shown = terminal.wait_for("as before", seconds=30).replace("\n", "")
    assert said in shown
    assert terminal.wait_for_end() == 0
    asked = [question[:7] for question in QUESTION.findall(terminal.sent)]
    assert asked in ([CELL_SIZE, ATTRIBUTES], [CELL_SIZE, ATTRIBUTES, KITTY_QUESTION, ATTRIBUTES])


def test_nothing_is_asked_of_a_terminal_that_cannot_draw_anything(open_terminal: OpenTerminal) -> None:
    terminal = open_terminal(ASK, answers=XTERM, TERM="dumb")
    assert "no: graphics need a terminal that can draw, and TERM is dumb" in terminal.wait_for("as before")
    assert b"\x1b" not in terminal.sent


def test_what_is_no_terminal_is_not_asked() -> None:
    program = "from tui.terminal.detection import detect_graphics; detect_graphics()"
    failed = subprocess.run([sys.executable, "-c", program], input="", capture_output=True, text=True, timeout=60)
    assert failed.stdout == ""
    assert (
        failed.stderr.splitlines()[-1]
        == "tui.terminal.graphics.NoGraphics: graphics need a terminal as input and output"
    )
