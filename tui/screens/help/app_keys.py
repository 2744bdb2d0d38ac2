"""The keys that do the same on every screen."""

from __future__ import annotations

from textual.binding import Binding, BindingType

APP_KEYS: list[BindingType] = [
    Binding("1", "show('runs')", "runs", tooltip="screen 1: the list of runs", id="app.runs", show=False),
    Binding(
        "2",
        "show('training')",
        "training",
        tooltip="screen 2: how a run trains",
        id="app.training",
        show=False,
    ),
    Binding(
        "3",
        "show('reconstruct')",
        "reconstruct",
        tooltip="screen 3: images and what the model makes of them",
        id="app.reconstruct",
        show=False,
    ),
    Binding("4", "show('sample')", "sample", tooltip="screen 4: new digits", id="app.sample", show=False),
    Binding("5", "show('latent')", "latent", tooltip="screen 5: the latent space", id="app.latent", show=False),
    Binding("6", "show('compare')", "compare", tooltip="screen 6: runs compared", id="app.compare", show=False),
    Binding(
        "7", "show('evaluate')", "evaluate", tooltip="screen 7: how good a model is", id="app.evaluate", show=False
    ),
    Binding(
        "i",
        "graphics",
        "graphics",
        tooltip="pictures as sixel or kitty graphics, or as half-blocks",
        id="app.graphics",
        show=False,
    ),
    Binding("n", "new_run", "new", tooltip="fill in the form of a new run", id="app.new_run"),
    Binding("question_mark", "keys", "keys", key_display="?", tooltip="explain the keys", id="app.keys"),
    Binding("X", "explain", "explain", tooltip="explain what is seen, with its formula", id="app.explain", show=False),
    Binding("q", "quit", "quit", tooltip="leave the app; training goes on", id="app.quit"),
    Binding(
        "ctrl+z",
        "suspend_process",
        "suspend",
        tooltip="suspend the app until the shell's fg",
        id="app.suspend",
        show=False,
        priority=True,
    ),
]
