"""The keys that move through the training of a run, the same on every screen that can."""

from __future__ import annotations

from textual.binding import Binding, BindingType

PLAY = Binding("a", "animate", "play", tooltip="play the training from here, or stop", id="moment.play", show=False)
MOMENT_KEYS: list[BindingType] = [
    Binding(
        "semicolon",
        "moment(-1)",
        "earlier",
        key_display="; :",
        tooltip="look at the moment of the training before, or at the next one",
        id="moment.before",
        show=False,
    ),
    Binding("colon", "moment(1)", id="moment.next", show=False),
    Binding(
        "circumflex_accent,ctrl+home",
        "moment_edge(0)",
        "first moment",
        key_display="^ $",
        tooltip="look at the first moment of the training, or at the newest weights",
        id="moment.first",
        show=False,
    ),
    Binding("dollar_sign,ctrl+end", "moment_edge(-1)", id="moment.newest", show=False),
    PLAY,
]
