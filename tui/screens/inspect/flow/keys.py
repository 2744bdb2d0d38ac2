"""The keys of the plane on which particles travel."""

from __future__ import annotations

from textual.binding import Binding, BindingType

FLOW_KEYS: list[BindingType] = [
    Binding("a", "animate", "play", tooltip="have the particles travel, or stop", id="flow.play"),
    Binding("colon", "moment(1)", "step", key_display="; :", tooltip="a step towards noise, or digits", id="flow.next"),
    Binding("semicolon", "moment(-1)", id="flow.before", show=False),
    Binding(
        "circumflex_accent,ctrl+home",
        "moment_edge(0)",
        "noise",
        key_display="^ $",
        tooltip="the noise, or the digits that come of it",
        id="flow.first",
        show=False,
    ),
    Binding("dollar_sign,ctrl+end", "moment_edge(-1)", id="flow.last", show=False),
    Binding(
        "right_square_bracket", "speed(1)", "speed", key_display="[ ]", tooltip="slower, or faster", id="flow.faster"
    ),
    Binding("left_square_bracket", "speed(-1)", id="flow.slower", show=False),
    Binding(
        "c",
        "classes",
        "digit",
        tooltip="ask for a digit or any: from here on, at the end from noise",
        id="flow.classes",
    ),
    Binding(
        "right_curly_bracket",
        "guidance(1)",
        "guide",
        key_display="{ }",
        tooltip="how much the digit matters: from here on, at the end from noise",
        id="flow.guidance",
    ),
    Binding("left_curly_bracket", "guidance(-1)", id="flow.guidance_less", show=False),
    Binding(
        "greater_than_sign",
        "seed(1)",
        "seed",
        key_display="> <",
        tooltip="other noise: the next seed, the one before",
        id="flow.seed",
    ),
    Binding("less_than_sign", "seed(-1)", id="flow.seed_before", show=False),
    Binding(
        "number_sign",
        "type_seed",
        "type",
        key_display="#",
        tooltip="type a seed, and the number of steps",
        id="flow.type",
        show=False,
    ),
]
