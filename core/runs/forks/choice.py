"""The settings of a fork: those of the run that it goes on from, but for what may be another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.errors import ConfigError
from core.runs.config import RunConfig, check_values, defaults, scheduled_rate
from core.runs.settings import EPOCHS_LIMIT, SETTINGS, as_text, is_plural, title

# Why a fork has the same, in as few words as the form has room for.
KEPT = {
    "preset": "its weights are of it",
    "dataset": "it learned those images",
    "fit": "it learned images read so",
    "damaged": "it learned images read so",
    "holdout": "it learned those images",
    "first_stage": "it learned its latents",
    "batch_size": "steps are counted in it",
    "dynamics": "it learned to undo it",
    "features": "its weights are of them",
    "latent_channels": "its weights are of them",
    "likelihood": "its decoder learned it",
}
SEEDS = 2**32
KEPT_BY_STATE = {"seed": "its random numbers go on"}  # which a snapshot does not have


def kept_settings(*, snapshot: bool) -> dict[str, str]:
    """The settings that a fork takes over as they are, and why."""
    return KEPT if snapshot else KEPT | KEPT_BY_STATE


def fork_settings(parent: RunConfig, wanted: Mapping[str, Any], *, snapshot: bool) -> RunConfig:
    """The settings of a fork with those that are wanted otherwise, as typed or as they are.

    One of a snapshot has its own seed, the next one. Raises ConfigError where one cannot be, or cannot be another.
    """
    given = {name: value for name, value in wanted.items() if value is not None}
    before = {name: getattr(parent, name) for name in SETTINGS}
    refused = {}
    for name, reason in kept_settings(snapshot=snapshot).items():
        value = parent.typed_dataset if name == "dataset" else before[name]
        if name in given and as_text(given.pop(name)) != (as_text(value) if value is not None else ""):
            stays = f"{title(name)} {'stay' if is_plural(name) else 'stays'} {_shown(value)}"
            refused[name] = f"{stays} in a fork of this run: {reason}"
    if refused:
        raise ConfigError(refused)
    if snapshot and "seed" not in given:
        given["seed"] = (parent.seed + 1) % SEEDS
    if given.get("decoder_variance", parent.decoder_variance) != parent.decoder_variance and "beta" not in given:
        given["beta"] = defaults(before | given)["beta"]
    kept = {name: getattr(parent, name) for name in ("data_dir", "fingerprint", "first_stage_preset")}
    return check_values(**(before | kept | given))


def check_goal(name: str, done: int, config: RunConfig) -> None:
    """Raise ConfigError where a fork of that run, after so many epochs, would have nothing left to train."""
    if done >= config.epochs:
        wanted = f"more than the {done} that {name} has done by then"
        raise ConfigError({"epochs": f"epochs must be {wanted}, not {config.epochs}"})


def usual_goal(done: int, parent: RunConfig) -> int:
    """The epochs that a fork is offered: those of its run, or twice as many as are done where none are left."""
    return parent.epochs if done < parent.epochs else min(2 * done, EPOCHS_LIMIT)


def first_rate(epoch: float, config: RunConfig) -> float:
    """The learning rate with which a fork begins at that epoch."""
    return scheduled_rate(config.schedule, config.learning_rate, epoch / config.epochs)


def changed_settings(parent: RunConfig, fork: RunConfig) -> tuple[str, ...]:
    """The settings in which they differ."""
    return tuple(name for name in SETTINGS if getattr(parent, name) != getattr(fork, name))


def changes_loss(parent: RunConfig, fork: RunConfig) -> bool:
    """Whether their losses are different sums."""
    return any(SETTINGS[name].changes_loss for name in changed_settings(parent, fork))


def _shown(value: object) -> str:
    return "nothing" if value is None else as_text(value)
