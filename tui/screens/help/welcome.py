"""What is said where nothing was trained yet."""

from __future__ import annotations

from pathlib import Path

from core.data import registry

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


def images_note(data_dir: Path) -> str:
    """With which images a first training begins where mnist is not on disk, in a line."""
    if registry.is_on_disk("mnist", data_dir):
        return ""
    return f"trains on {registry.EMBEDDED}; mnist comes with: {registry.download_command('mnist', data_dir)}"
