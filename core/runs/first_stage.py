"""What a learned prior takes over from the run whose latents it learns."""

from __future__ import annotations

from typing import Any

from core.errors import RunError
from core.runs.run import Run


def first_stage_settings(run: Run) -> dict[str, Any]:
    """What the configuration of a learned prior takes over from the run whose latents it learns.

    Raises RunError for one that is a prior itself, DamagedFile or OSError.
    """
    config = run.config()
    if config.preset == "prior":
        raise RunError(f"{run.name} learns a prior itself; a first stage is a run of vae, vae-post or ae")
    taken = {"first_stage": run.name, "first_stage_preset": config.preset}
    return taken | {"dataset": config.dataset, "holdout": config.holdout}


def first_stage_weights(run: Run) -> bytes:
    """The weights that a learned prior keeps of that run, as they are now. Raises RunError, DamagedFile or OSError."""
    try:
        return run.read_weights()
    except FileNotFoundError:
        raise RunError(f"{run.name} has no weights yet: the trainer saves them soon after it starts") from None
