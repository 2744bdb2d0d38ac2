"""Text that comes from elsewhere, made safe to show."""


def printable(text: str) -> str:
    """The text without anything that a terminal would obey, and in one line."""
    return text if text.isprintable() else "".join(map(_printable, text))


def _printable(letter: str) -> str:
    return letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}"
