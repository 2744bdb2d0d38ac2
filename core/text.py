"""Text for people: made safe to show where it comes from elsewhere, and lists in words."""

from collections.abc import Sequence


def printable(text: str) -> str:
    """The text without anything that a terminal would obey, and in one line."""
    return text if text.isprintable() else "".join(map(_printable, text))


def _printable(letter: str) -> str:
    return letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}"


def either(words: Sequence[str]) -> str:
    """The words as alternatives: `a, b or c`."""
    return " or ".join(filter(None, [", ".join(words[:-1]), words[-1]]))
