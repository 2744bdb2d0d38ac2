"""What is sent to a terminal so that its user hears of something while they look elsewhere; text is made safe first."""

from __future__ import annotations

from core.text import printable

TITLE = "vae-tui"
LONGEST = 200


def notice(way: str, text: str) -> str:
    """The characters for a notice of one line; none where that is not wanted.

    OSC 9 is iTerm2's, which kitty, WezTerm, ghostty and Windows Terminal take too; OSC 777 is rxvt's, which VTE takes.
    """
    plain = printable(text)[:LONGEST].replace(";", ",")
    match way:
        case "bell":
            return "\a"
        case "osc9":
            return f"\x1b]9;{TITLE}: {plain}\x1b\\"
        case "osc777":
            return f"\x1b]777;notify;{TITLE};{plain}\x1b\\"
    return ""
