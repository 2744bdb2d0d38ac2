"""How runs are told apart wherever several are shown: a colour and a sign for each, which it keeps."""

from __future__ import annotations

from rich.color import Color
from rich.style import Style

from tui.terminal.capabilities import ColorDepth

# Blue and orange are told apart with every kind of colour vision; the signs differ too.
BLUE, ORANGE = (86, 180, 233), (230, 159, 0)
RUN_COLORS = (
    *(BLUE, ORANGE, (0, 180, 130), (204, 121, 167)),
    *((240, 228, 66), (230, 100, 30), (120, 150, 255), (190, 190, 190)),
)
SIGNS = ("●", "◆", "▲", "■", "▼", "○", "◇", "□")
ASCII_SIGNS = ("o", "x", "#", "@", "%", "&", "$", "=")


def color_of(place: int) -> tuple[int, int, int]:
    """The colour of a run by its place; where signs begin again, each has another colour than before."""
    return RUN_COLORS[(place + place // len(SIGNS)) % len(RUN_COLORS)]


def sign_of(place: int, depth: ColorDepth) -> tuple[str, Style]:
    """The sign of a run by its place, and the style it has."""
    signs = ASCII_SIGNS if depth is ColorDepth.ASCII else SIGNS
    color = Color.from_rgb(*color_of(place)) if depth.has_colors else None
    return signs[place % len(signs)], Style.from_color(color)
