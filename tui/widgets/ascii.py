"""What a terminal that knows ASCII only is shown in place of everything else."""

from functools import lru_cache

from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

# Each sign for one that means the same and is as wide; borders and bars of any kind become lines.
SIGNS = str.maketrans(
    {
        **dict.fromkeys("─━═╌┄▔▁▂▃▄▅▆▇▀╴╶╸╺", "-"),
        **dict.fromkeys("│┃║▏▎▍▌▋▊▉▐▕", "|"),
        **dict.fromkeys("┌┐└┘├┤┬┴┼╭╮╰╯╔╗╚╝╋┏┓┗┛┣┫", "+"),
        **dict.fromkeys("█▓", "#"),
        **dict.fromkeys("▒░", ":"),
        **dict(zip("▶▸►◀◂▲△▼▽●◆■‖✓✗≠–—…·•←→↑↓⏎↵σ⬆⬇±é", ">>><<^^vvo*#=vx!--~..<>^v<<s^v~e", strict=True)),
    }
)


@lru_cache(4096)
def in_ascii(text: str) -> str:
    """The text in ASCII, one character for each; what has no counterpart becomes a question mark."""
    return text if text.isascii() else text.translate(SIGNS).encode("ascii", "replace").decode()


class AsciiOnly(LineFilter):
    """Turns every line that is about to be shown into ASCII."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        return [segment if segment.control else Segment(in_ascii(segment.text), segment.style) for segment in segments]
