"""A theme for eyes that do not tell red from green: the colours of Okabe and Ito, also for words such as `failed`."""

from __future__ import annotations

from rich.terminal_theme import TerminalTheme
from textual.theme import Theme

BLUE, SKY, GREEN, YELLOW, ORANGE, VERMILION, PURPLE = (
    *((0, 114, 178), (86, 180, 233), (0, 158, 115), (240, 228, 66)),
    *((230, 159, 0), (213, 94, 0), (204, 121, 167)),
)
GREY, WHITE, BLACK = (150, 150, 150), (240, 240, 240), (0, 0, 0)
# Black, red, green, yellow, blue, magenta, cyan, white: what is good is blue, what is bad is vermilion.
ANSI_COLORS = [BLACK, VERMILION, SKY, YELLOW, BLUE, PURPLE, GREEN, WHITE]
ANSI = TerminalTheme((18, 18, 18), WHITE, ANSI_COLORS, [GREY, *ANSI_COLORS[1:]])

COLOUR_BLIND = Theme(
    name="colour-blind",
    primary="#0072B2",
    secondary="#56B4E9",
    accent="#E69F00",
    success="#56B4E9",
    warning="#F0E442",
    error="#D55E00",
    dark=True,
)
