"""Text for people: made safe to show where it comes from elsewhere, in ASCII where that is all, and lists in words."""

import codecs
import io
import sys
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from functools import lru_cache


def printable(text: str) -> str:
    """The text without anything that a terminal would obey, and in one line."""
    return text if text.isprintable() else "".join(map(_printable, text))


def _printable(letter: str) -> str:
    return letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}"


def closest(word: str, words: Iterable[str]) -> str | None:
    """That of the words which was probably meant, None where none is alike."""
    return next(iter(get_close_matches(word[:100], words, n=1, cutoff=0.7)), None)


def alternatives(word: str, words: Sequence[str]) -> str:
    """The one of the words that was probably meant, else the first of them, in a few words."""
    if meant := closest(word, words):
        return f"did you mean {meant}?"
    return f"there is {', '.join(words[:8]) or 'none yet'}{', ...' if len(words) > 8 else ''}"


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
        **dict(zip("▶▸►◀◂▲△▼▽●◆■‖✓✗≠–—…·•←→↑↓⏎↵↳σ⬆⬇±é≡×", ">>><<^^vvo*#=vx!--~..<>^v<<<s^v~e=x", strict=True)),
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
