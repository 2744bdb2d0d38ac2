"""The keys of the screen that compares."""

from __future__ import annotations

from textual.binding import Binding, BindingType

COMPARE_KEYS: list[BindingType] = [
    Binding("v", "turn(1)", "view", tooltip="the next view", id="compare.view"),
    Binding("tab", "turn(1)", id="compare.tab", show=False),
    Binding("shift+tab", "turn(-1)", id="compare.back_tab", show=False),
    Binding(
        "enter",
        "choose_other",
        "other run",
        key_display="enter",
        tooltip="choose the run to compare with",
        id="compare.other",
    ),
    Binding("tilde", "swap", "swap", key_display="~", tooltip="swap left and right", id="compare.swap"),
    Binding("pageup,comma", "page(-1)", "back", tooltip="the digits before", id="compare.page_up", show=False),
    Binding("pagedown,full_stop", "page(1)", "next", tooltip="the next digits", id="compare.next"),
    Binding("g,home", "edge(0)", "first", tooltip="the first digits", id="compare.first", show=False),
    Binding("G,end", "edge(-1)", "last", tooltip="the last digits", id="compare.last", show=False),
    Binding("z", "sampler", "sampler", tooltip="the next way to draw latents", id="compare.sampler"),
    Binding(
        "greater_than_sign",
        "seed(1)",
        "seed",
        key_display="> <",
        tooltip="other digits: the next seed, the one before",
        id="compare.seed",
    ),
    Binding("less_than_sign", "seed(-1)", id="compare.seed_before", show=False),
    Binding(
        "f",
        "fit",
        "fit",
        tooltip="at a moment: fit to each moment, or hold",
        id="compare.fit",
        show=False,
    ),
    Binding("o", "projection", "axes", tooltip="LDA, PCA, or two latent numbers", id="compare.projection"),
]
