"""Pictures as sixel or kitty graphics: where asked for, where the terminal says so, no more often than needed."""

from __future__ import annotations

import base64
import fcntl
import importlib.util
import io
import os
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from textual._compositor import LayoutUpdate
from textual.app import App, ComposeResult
from textual.geometry import Region
from textual.pilot import Pilot

from core.runs.run import Run
from tests.support.terminal import ENVIRONMENT, KNOWN, UNKNOWN, Terminal
from tests.tui.conftest import FakeExplorers, answered, make_snapshot, make_summary, screen_text, until
from tui.app import VaeTui
from tui.drawing.tiles import CaptionPlacement
from tui.terminal.graphics import GAP, Graphics, NoGraphics, Place, Sheet, ask_terminal, clean_up, enlarge
from tui.widgets.gallery import Gallery

pytest.importorskip("textual_image", reason="the extra `graphics` is not installed")

MakeApp = Callable[..., VaeTui]

REPOSITORY = Path(__file__).parents[3]

SIXEL = re.compile(rb"\x1bP[^\x1b]*\x1b\\")
KITTY = re.compile(rb"\x1b_G[^\x1b]*\x1b\\")
PLACEHOLDER = "\U0010eeee".encode()
QUESTION = re.compile(rb"\x1b\[c|\x1b\[16t|\x1b_Gi=31[^\x1b]*\x1b\\")

# What terminals answer.
ATTRIBUTES, CELL_SIZE, KITTY_QUESTION = b"\x1b[c", b"\x1b[16t", b"\x1b_Gi=31"
XTERM = {ATTRIBUTES: b"\x1b[?62;4c", CELL_SIZE: b"\x1b[6;20;10t"}
PLAIN = {ATTRIBUTES: b"\x1b[?1;2c", CELL_SIZE: b"\x1b[6;20;10t"}
KITTEN = {ATTRIBUTES: b"\x1b[?62;c", CELL_SIZE: b"\x1b[6;20;10t", KITTY_QUESTION: b"\x1b_Gi=31;OK\x1b\\"}

ASK = """
import select, termios
from tui.terminal.graphics import NoGraphics, ask_terminal
before = termios.tcgetattr(0)
try:
    graphics = ask_terminal(patience=1.5)
    said = f"{graphics.protocol} {graphics.cell_width}x{graphics.cell_height}"
except NoGraphics as why:
    said = f"no: {why}"
left = select.select([0], [], [], 0.3)[0]
print(said + ";", "changed" if left or termios.tcgetattr(0) != before else "as before", flush=True)
"""

# The program itself, but for explorers that need no model.
APP = """
import sys
from pathlib import Path
import tui.app
from core.runs.run import Run
from tests.tui import conftest as fakes
from tui.terminal.graphics import ask_terminal

tui.app.VaeTui._real_sources = lambda self: tui.app.Sources(
    runs=lambda: fakes.HandFed([fakes.make_summary()]),
    run=lambda run: fakes.HandFed(fakes.make_snapshot()),
    pictures=fakes.Pictures,
    sightings=lambda run: fakes.HandFed(fakes.make_sighting()),
    explorer=fakes.FakeExplorers().of,
    evaluator=fakes.FakeEvaluator(),
)
graphics = ask_terminal() if "--graphics" in sys.argv else None
tui.app.open_in_terminal(Path("checkpoints"), Path("data"), Run(Path("checkpoints/vae-mnist")), graphics)
"""


class DrawingTerminal(Terminal):
    """A terminal that answers questions and keeps all that it is sent; its screen shows the text alone."""

    def __init__(self, program: str, *arguments: str, folder: Path, **options: Any) -> None:
        self.sent = b""
        self._answers: dict[bytes, bytes] = options.pop("answers")
        self._delay: float = options.pop("delay", 0)
        self._answered = 0
        self._unshown = b""
        size = options.pop("size", (120, 40))
        super().__init__(
            [sys.executable, "-c", program, *arguments],
            folder,
            ENVIRONMENT | {"PYTHONPATH": str(REPOSITORY)} | options,
            size,
        )

    def read(self, seconds: float = 0.05) -> str:
        deadline = time.monotonic() + seconds
        while select.select([self._master], [], [], max(0, deadline - time.monotonic()))[0]:
            try:
                content = os.read(self._master, 1 << 16)
            except OSError:
                break
            self.sent += content
            self._answer()
            self._show(content)
        return "\n".join(line.rstrip() for line in self._screen.display)

    def _answer(self) -> None:
        for question in QUESTION.finditer(self.sent, self._answered):
            time.sleep(self._delay)
            os.write(self._master, next((a for q, a in self._answers.items() if question[0].startswith(q)), b""))
            self._answered = question.end()

    def _show(self, content: bytes) -> None:
        """Draw the text; a sequence of graphics that has begun waits for its end."""
        content = self._unshown + content
        begun = max(content.rfind(b"\x1bP"), content.rfind(b"\x1b_"))
        end = begun if begun >= 0 and content.find(b"\x1b\\", begun) < 0 else len(content)
        text, self._unshown = KITTY.sub(b"", SIXEL.sub(b"", content[:end])), content[end:]
        self._stream.feed(UNKNOWN.sub(lambda match: match[0] if KNOWN.match(match[0]) else b"", text))

    def settle(self, seconds: float = 0.5) -> bytes:
        """What it is sent until that long nothing more comes."""
        start, seen = len(self.sent), -1
        while seen != len(self.sent):
            seen = len(self.sent)
            self.read(seconds)
        return self.sent[start:]

    def after(self, keys: str, pattern: re.Pattern[bytes] | None = None) -> bytes:
        """What it is sent after these keys, the last that matches this at least."""
        start = len(self.sent)
        self.press(keys)
        deadline = time.monotonic() + 30
        while pattern is not None and not pattern.search(self.sent, start):
            assert time.monotonic() < deadline, f"nothing is drawn after {keys}:\n{self.read()}"
            self.read()
        self.settle()
        return self.sent[start:]


OpenTerminal = Callable[..., DrawingTerminal]


@pytest.fixture
def open_terminal(tmp_path: Path) -> Iterator[OpenTerminal]:
    opened: list[DrawingTerminal] = []

    def open_one(program: str, *arguments: str, **options: Any) -> DrawingTerminal:
        opened.append(DrawingTerminal(program, *arguments, folder=tmp_path, **options))
        return opened[-1]

    yield open_one
    for terminal in opened:
        terminal.__exit__(None, None, None)


# Asking


@pytest.mark.parametrize(
    ("answers", "delay", "said"),
    [
        (XTERM, 0, "sixel 10x20"),
        (KITTEN, 0, "kitty 10x20"),
        (XTERM, 0.3, "sixel 10x20"),
        (KITTEN, 0.3, "kitty 10x20"),
        (KITTEN | {ATTRIBUTES: b"\x1b[?62;4c"}, 0, "sixel 10x20"),
        (PLAIN, 0, "no: the terminal says that it has neither sixel nor kitty graphics"),
        (PLAIN | {ATTRIBUTES: b"\x1b[?64;14;42c"}, 0, "no: the terminal says that it has neither sixel nor kitty"),
        (PLAIN | {KITTY_QUESTION: b"\x1b_Gi=31;EINVAL:what\x1b\\"}, 0, "no: the terminal says that it has neither"),
        ({}, 0, "no: the terminal did not say within 1.5 s what it can draw"),
        ({ATTRIBUTES: b"\xff\x00\x1b_G;;\x1b[?x;;\x1b[6;t" * 9}, 0, "no: the terminal did not say within 1.5 s"),
        ({ATTRIBUTES: b"abc\x1b[A\x1b[?62;4c"}, 0, "no: the terminal does not say how many pixels its cells have"),
        (XTERM | {CELL_SIZE: b"\x1b[6;9999;9999t"}, 0, "no: the terminal does not say how many pixels"),
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
    program = "from tui.terminal.graphics import ask_terminal; ask_terminal()"
    failed = subprocess.run([sys.executable, "-c", program], input="", capture_output=True, text=True, timeout=60)
    assert failed.stdout == ""
    assert (
        failed.stderr.splitlines()[-1]
        == "tui.terminal.graphics.NoGraphics: graphics need a terminal as input and output"
    )


def test_the_extra_is_named_where_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(NoGraphics, match=re.escape('install it with: pip install "vae-tui[graphics]"')):
        ask_terminal()


def test_without_being_asked_for_the_library_is_not_imported() -> None:
    program = (
        "import sys, tui.cli, tui.app, tui.terminal.graphics;"
        "print([name for name in sys.modules if name.split('.')[0] in ('textual_image', 'PIL')])"
    )
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"


# The program in a terminal


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


# Pictures


def test_tiles_fill_exactly_their_cells_in_sixteen_greys() -> None:
    tiles = np.random.default_rng(0).random((3, 2, 28, 28), dtype=np.float32)
    place = Place(Graphics("sixel", 9, 19), y=0, count=3, cells_wide=14, lines=14.0, height=14)
    picture = enlarge(tiles, place)
    assert picture.shape == (14 * 19, place.width * 9) == (266, (3 * 14 + 2 * GAP) * 9)
    assert set(np.unique(picture)) == {17 * level for level in range(16)}
    second = picture[:, 15 * 9 : 29 * 9]
    middle = np.round((np.arange(28) + 0.5) * 4.5).astype(int)
    rows = ((np.arange(56) + 0.5) * 266 / 56).astype(int)
    assert np.array_equal(second[rows][:, middle], np.rint(tiles[1].reshape(56, 28) * 15) * 17)
    assert not picture[:, 14 * 9 : 15 * 9].any()


def test_a_caption_covers_the_last_line_and_a_half_line_is_black() -> None:
    tiles = np.ones((1, 3, 28, 28), dtype=np.float32)
    graphics = Graphics("kitty", 10, 20)
    covered = enlarge(tiles, Place(graphics, 0, 1, 14, 21.0, 20))
    assert covered.shape == (400, 140)
    assert covered.all()
    half = enlarge(tiles, Place(graphics, 0, 1, 7, 10.5, 11))
    assert half.shape == (220, 70)
    assert half[:210].all()
    assert not half[210:].any()


def test_what_is_not_a_number_is_black() -> None:
    tiles = np.full((1, 1, 28, 28), np.nan, dtype=np.float32)
    assert not enlarge(tiles, Place(Graphics("sixel", 10, 20), 0, 1, 28, 14.0, 14)).any()


def decoded(sixel: str) -> np.ndarray:
    """The greys 0..255 that a terminal draws for a sequence of sixels."""
    width, height = map(int, re.findall(r'"1;1;(\d+);(\d+)', sixel)[0])
    picture = np.full((height + 6, width), -1)
    greys: dict[int, int] = {}
    color = x = y = 0
    data = sixel.split('"')[1].partition("\x1b")[0]
    for token in re.finditer(r"#(\d+)(?:;2;(\d+);\d+;\d+)?|!(\d+)([?-~])|([?-~])|(\$)|(-)", data):
        if token[1]:
            color = int(token[1])
            if token[2]:
                greys[color] = round(int(token[2]) * 2.55)
        elif token[6]:
            x = 0
        elif token[7]:
            x, y = 0, y + 6
        else:
            count, bits = int(token[3] or 1), ord(token[4] or token[5]) - 63
            for bit in range(6):
                if bits >> bit & 1:
                    picture[y + bit, x : x + count] = greys[color]
            x += count
    assert (picture[height:] == -1).all()
    return picture[:height]


def test_sixels_are_the_pixels() -> None:
    tiles = np.random.default_rng(0).random((2, 1, 28, 28), dtype=np.float32)
    sheet = Sheet(Place(Graphics("sixel", 7, 15), 0, 2, 28, 14.0, 14), tiles)
    sheet.encode()
    drawn = sheet.draw(4, 2)
    assert drawn.startswith("\x1b7\x1b[3;5H\x1bP")
    assert drawn.endswith("\x1b\\\x1b8")
    assert np.abs(decoded(drawn) - enlarge(tiles, sheet.place)).max() <= 2  # sixels know percents


def test_kitty_is_sent_the_pixels() -> None:
    from PIL import Image

    tiles = np.random.default_rng(0).random((2, 1, 28, 28), dtype=np.float32)
    sheet = Sheet(Place(Graphics("kitty", 10, 20), 0, 2, 28, 14.0, 14), tiles)
    sheet.encode()
    drawn = sheet.draw(4, 2)
    chunks = re.findall(r"\x1b_G([^;]*);([^\x1b]*)\x1b\\", drawn)
    assert len(chunks) > 1
    assert max(len(content) for _, content in chunks) <= 4096
    assert [keys[-3:] for keys, _ in chunks[1:]] == [*["m=1"] * (len(chunks) - 2), "m=0"]
    picture = Image.open(io.BytesIO(base64.b64decode("".join(content for _, content in chunks))))
    assert np.array_equal(np.asarray(picture), enlarge(tiles, sheet.place))
    number = re.findall(r"i=(\d+)", drawn)[0]
    rows = drawn.partition("\x1b7")[2].split("\x1b[")
    assert [row[:5] for row in rows[2:]] == [f"{y};5H\U0010eeee" for y in range(3, 10)] + [
        f"{y};5H" for y in range(10, 17)
    ]
    assert f"i={number}," in clean_up()


def test_the_number_of_a_discarded_picture_is_taken_again() -> None:
    tiles = np.zeros((1, 1, 28, 28), dtype=np.float32)
    place = Place(Graphics("kitty", 10, 20), 0, 1, 28, 14.0, 14)
    numbers = []
    for _ in range(5):
        sheet = Sheet(place, tiles)
        sheet.encode()
        numbers += re.findall(r",i=(\d+),c", sheet.draw(0, 0))
        sheet.discard()
    assert len(numbers) == 5
    assert len(set(numbers)) == 1


# The widget

GRAPHICS = Graphics("sixel", 10, 20)


class Shown(App[None]):
    """A gallery that fills the screen."""

    def __init__(self, captions: CaptionPlacement = "below") -> None:
        super().__init__()
        self._captions: CaptionPlacement = captions

    def compose(self) -> ComposeResult:
        yield Gallery(at_least=8, captions=self._captions, message="nothing yet")

    def update(self) -> str:
        """What a full repaint sends."""
        update = self.screen._compositor.render_update(full=True, screen_stack=self._background_screens)
        assert isinstance(update, LayoutUpdate)
        return update.render_segments(self.console)


def digits(seed: int, count: int = 8, images: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).random((count, images, 28, 28), dtype=np.float32)


async def hung(pilot: Pilot[None], gallery: Gallery, tiles: np.ndarray) -> None:
    """Wait until these are shown as graphics."""
    await until(
        pilot,
        lambda: gallery._sheets and np.array_equal(np.concatenate([s.tiles for s in gallery._sheets]), tiles),
        "graphics",
    )
    await pilot.pause()


@pytest.mark.parametrize("captions", ["below", "over", "none"])
async def test_sheets_lie_where_the_half_blocks_were_and_captions_stay(captions: CaptionPlacement) -> None:
    app = Shown(captions)
    async with app.run_test(size=(65, 36)) as pilot:
        gallery = app.query_one(Gallery)
        tiles = digits(0, 8, 2)
        gallery.show(tiles, [f"digit {place}" for place in range(8)], 1)
        await pilot.pause()
        before = screen_text(app).splitlines()
        gallery.graphics = GRAPHICS
        await hung(pilot, gallery, tiles)
        tiling = gallery.tiling((2, 28, 28))
        assert tiling is not None
        assert (tiling.columns, tiling.rows) == (4, 2)
        for row, sheet in enumerate(gallery._sheets):
            assert (sheet.place.y, sheet.place.width) == (row * tiling.cells_high, 4 * 14 + 3)
            assert sheet.place.height == tiling.cells_high - (captions != "none") == (14 if captions != "over" else 13)
        corners = [f"\x1b[{sheet.place.y + 1};1H\x1bP" for sheet in gallery._sheets]
        assert re.findall("\x1b\\[[0-9]+;[0-9]+H\x1bP", app.update()) == corners

        lines = screen_text(app).splitlines()
        assert len(lines) == len(before)
        covered = {y for sheet in gallery._sheets for y in range(sheet.place.y, sheet.place.y + sheet.place.height)}
        for y, (line, was) in enumerate(zip(lines, before, strict=True)):
            assert line == ("" if y in covered else was)
        gallery.graphics = None
        await pilot.pause()
        assert screen_text(app).splitlines() == before
        assert "\x1bP" not in app.update()


async def test_only_changed_pictures_are_drawn_again(monkeypatch: pytest.MonkeyPatch) -> None:
    app = Shown()
    async with app.run_test(size=(65, 36)) as pilot:
        gallery = app.query_one(Gallery)
        gallery.graphics = GRAPHICS
        gallery.show(digits(0))
        await hung(pilot, gallery, digits(0))
        refreshed: list[tuple[Region, ...]] = []
        refresh = gallery.refresh
        monkeypatch.setattr(gallery, "refresh", lambda *regions: refreshed.append(regions) or refresh(*regions))
        sheets = list(gallery._sheets)

        gallery.show(digits(0), selected=1)
        await pilot.pause()
        (lines,) = refreshed
        captions = {sheet.place.y + sheet.place.height for sheet in sheets}
        assert {region.y for region in lines} <= captions
        assert {region.height for region in lines} == {1}
        gallery.show(digits(0), selected=1)
        await pilot.pause()
        assert len(refreshed) == 1
        assert gallery._sheets == sheets

        gallery.show(digits(1), selected=1)
        await hung(pilot, gallery, digits(1))
        assert refreshed[1:] == [()]


async def test_the_newest_of_pictures_that_follow_quickly_is_shown() -> None:
    app = Shown()
    async with app.run_test(size=(65, 36)) as pilot:
        gallery = app.query_one(Gallery)
        gallery.graphics = GRAPHICS
        for seed in range(9):
            gallery.show(digits(seed))
        await hung(pilot, gallery, digits(8))
        gallery.show(digits(9))
        gallery.show(digits(8))
        await pilot.pause(0.5)
        await hung(pilot, gallery, digits(8))
        gallery.show(digits(9))
        gallery.show_message("gone")
        await pilot.pause(0.5)
        assert not gallery._sheets
        assert "gone" in screen_text(app)
        gallery.show(digits(9))
        await hung(pilot, gallery, digits(9))


async def test_what_was_hidden_while_it_was_encoded_is_shown_later() -> None:
    app = Shown()
    async with app.run_test(size=(65, 36)) as pilot:
        gallery = app.query_one(Gallery)
        gallery.graphics = GRAPHICS
        await pilot.pause()
        gallery.show(digits(0))
        gallery.display = False
        await pilot.pause(0.5)
        gallery.display = True
        await hung(pilot, gallery, digits(0))
        assert "\x1bP" in app.update()


@pytest.mark.parametrize("size", [(1, 1), (6, 3), (7, 4), (15, 8), (300, 120)])
async def test_any_size_is_drawn(size: tuple[int, int]) -> None:
    app = Shown()
    async with app.run_test(size=size) as pilot:
        gallery = app.query_one(Gallery)
        gallery.graphics = Graphics("kitty", 8, 17)
        gallery.show(digits(0, 2, 3), ["a", "b"])
        await pilot.pause(0.3)
        app.update()
        await pilot.resize_terminal(65, 60)
        await hung(pilot, gallery, digits(0, 2, 3))
        assert app.update().count("\x1b_Ga=T") == 1


async def test_a_screenshot_shows_the_text() -> None:
    app = Shown()
    async with app.run_test(size=(65, 36)) as pilot:
        gallery = app.query_one(Gallery)
        gallery.graphics = GRAPHICS
        gallery.show(digits(0), ["digit"] * 8)
        await hung(pilot, gallery, digits(0))
        picture = app.export_screenshot()
        assert "digit" in picture
        assert "1;1;" not in picture


async def test_each_screen_switches_and_keeps_its_answers(make_app: MakeApp, monkeypatch: pytest.MonkeyPatch) -> None:
    explorers = FakeExplorers()
    app = make_app(snapshot=make_snapshot(), explorer=explorers.of)
    monkeypatch.setattr(app, "_others", lambda run: [make_summary("other").run])
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
        asked = explorers[app.selected_run].times("samples")
        await pilot.press("i", "i", "i")
        await answered(pilot)
        assert app.graphics_shown is None
        assert not any(gallery._sheets for gallery in app.screen.query(Gallery))
        assert explorers[app.selected_run].times("samples") == asked


async def test_a_terminal_without_graphics_says_how_to_get_them(make_app: MakeApp) -> None:
    app = make_app()
    async with app.run_test() as pilot:
        await pilot.press("i")
        await pilot.pause()
        (said,) = app._notifications
        assert "start with: vae-tui --graphics" in said.message
        assert app.graphics_shown is None
