"""Lines that are drawn over and over at the bottom of a terminal."""

from __future__ import annotations

import io

import pyte
import pytest
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from tui.commands.output import LowestLines

WIDTH, HEIGHT = 40, 10


class Drawn:
    """What a terminal shows of what was written to it."""

    def __init__(self) -> None:
        self.file = io.StringIO()
        self.console = Console(file=self.file, force_terminal=True, width=WIDTH, height=HEIGHT, color_system=None)
        self.screen = pyte.Screen(WIDTH, HEIGHT)
        self._stream = pyte.Stream(self.screen)

    def take_in(self) -> list[str]:
        self._stream.feed(self.file.getvalue().replace("\n", "\r\n"))
        self.file.truncate(0)
        self.file.seek(0)
        return [line.rstrip() for line in self.screen.display if line.strip()]

    def wrap_what_is_drawn(self) -> None:
        """What a terminal does with long lines when its window is narrowed: their ends become lines of their own."""
        for row in range(self.screen.cursor.y + 1, HEIGHT):
            self._stream.feed(f"\x1b7\x1b[{row + 1};1Hthe end of a line that was wrapped\x1b8")


@pytest.mark.parametrize("text", ["one line", "one line\nanother\nand a third"])
def test_nothing_is_left_of_lines_that_the_terminal_wrapped(text: str) -> None:
    drawn = Drawn()
    lines = LowestLines(drawn.console)
    drawn.console.print("printed before")
    for _ in range(3):
        lines.draw(text)
        assert drawn.take_in() == ["printed before", *text.splitlines()]
        assert (drawn.screen.cursor.x, drawn.screen.cursor.y) == (0, 1)
        drawn.wrap_what_is_drawn()
    lines.erase()
    drawn.console.print("printed after")
    assert drawn.take_in() == ["printed before", "printed after"]


def test_lines_that_come_when_the_window_is_narrower_already_are_cut_and_leave_nothing() -> None:
    drawn = Drawn()
    drawn.console.print("printed before")
    drawn.take_in()
    lines = LowestLines(drawn.console)
    for width in (30, 20, 10):
        drawn.screen.resize(HEIGHT, width)
        lines.draw("x" * (WIDTH - 5))
        assert drawn.take_in() == ["printed before"[:width], "x" * width]
    lines.erase()
    assert drawn.take_in() == ["printed before"[:10]]


def test_a_bar_takes_one_line_without_the_last_column_at_any_width() -> None:
    drawn = Drawn()
    progress = Progress(TextColumn("epoch 2/10"), BarColumn(bar_width=None), TextColumn("2,400 images/s"), expand=True)
    progress.add_task("a run", total=10, completed=3)
    lines = LowestLines(drawn.console)
    for width in (WIDTH, 30, 12, 3, 1):
        drawn.console.width = width
        lines.draw(progress)
        (shown,) = drawn.take_in() or [""]
        assert len(shown) < max(width, 2)


def test_more_lines_than_fit_are_cut() -> None:
    drawn = Drawn()
    lines = LowestLines(drawn.console)
    for _ in range(2):
        lines.draw("\n".join(map(str, range(30))))
        assert drawn.take_in() == [str(number) for number in range(HEIGHT - 1)]
