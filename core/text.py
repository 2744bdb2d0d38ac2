"""Text for people: made safe to show where it comes from elsewhere, in ASCII where that is all, and lists in words."""

import codecs
import io
import sys
from collections.abc import Sequence
from functools import lru_cache


def printable(text: str) -> str:
    """The text without anything that a terminal would obey, and in one line."""
    return text if text.isprintable() else "".join(map(_printable, text))


def _printable(letter: str) -> str:
    return letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}"


def either(words: Sequence[str]) -> str:
    """The words as alternatives: `a, b or c`."""
    return " or ".join(filter(None, [", ".join(words[:-1]), words[-1]]))


# Each sign and its counterpart of the same width; borders and bars of any kind become lines.
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
def to_ascii(text: str) -> str:
    """The text in ASCII, character by character; those without a counterpart become question marks."""
    return text if text.isascii() else text.translate(SIGNS).encode("ascii", "replace").decode()


def _counterpart(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return to_ascii(error.object[error.start : error.end]), error.end


codecs.register_error("vae-tui.ascii", _counterpart)


def print_everything(encoding: str | None = None) -> None:
    """Have what is printed come out whatever the locale: in ASCII where the encoding has no such sign."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding=encoding, errors="vae-tui.ascii")
