"""What is said where nothing was trained yet."""

from __future__ import annotations

FIRST_KEYS = (
    ("n", "a new run; ctrl+s trains it"),
    ("enter", "opens a run, esc goes back"),
    ("1 to 7", "curves, digits, latent space"),
    ("?", "all keys; X explains what is seen"),
    ("q", "leaves; training goes on"),
)
_WIDTH = max(len(f"{key:<7}{does}") for key, does in FIRST_KEYS)
NO_RUNS = "\n".join(
    [
        "no runs yet",
        "",
        *(f"{key:<7}{does}".ljust(_WIDTH) for key, does in FIRST_KEYS),
        "",
        "vae-tui examples brings trained runs",
    ]
)
