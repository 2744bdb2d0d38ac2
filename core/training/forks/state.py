"""The state with which a fork begins: the newest one of a run, or one around the weights of a snapshot."""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import torch
from torch import Tensor

from core.models.autoencoder import MODELS
from core.models.denoiser import Denoiser
from core.models.weights import metadata_of
from core.runs.config import RunConfig
from core.training.checkpoint import TrainingState
from core.training.step import ScheduledAdam

# Settings that choose what does the steps, which a state else goes on with.
CHOOSE_METHOD = ("precision", "device", "processes", "clip_norm")


def going_on(state: TrainingState, config: RunConfig, changed: tuple[str, ...], *, best_anew: bool) -> TrainingState:
    """The state of a run as a fork with these settings goes on from it, of which some are changed."""
    (group,) = state.optimizer["param_groups"]
    changes: dict[str, Any] = {
        "epochs": config.epochs,
        "optimizer": {**state.optimizer, "param_groups": [group | {"initial_lr": config.learning_rate}]},
    }
    if best_anew:
        changes["best"] = math.inf
    if (best_anew or "epochs" in changed) and "since_best" in state.model_fields_set:
        changes["since_best"] = 0
    if any(name in CHOOSE_METHOD for name in changed):
        changes["new_method"] = True
    return state.model_copy(update=changes)


def beginning_from(
    weights: Mapping[str, Tensor], config: RunConfig, step: int, steps_per_epoch: int, seconds: float
) -> TrainingState:
    """The state of a run that begins with these weights after so many steps: a fresh Adam, and its own random numbers.

    Within an epoch it goes through the rest of an order of its own.
    """
    epoch, batch = divmod(step, steps_per_epoch)
    nothing = (0, 0.0, 0.0)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        model = Denoiser() if config.preset_record.learns_prior else MODELS[config.preset]()
        following = int(torch.randint(2**62, ()))  # as a new run's, and not the numbers that weights come from
    skipped = {"skipped": batch * config.batch_size} if batch else {}
    return TrainingState(
        model=dict(weights),
        optimizer=ScheduledAdam(model, config.schedule, config.learning_rate).state_dict(),
        generator=torch.Generator().manual_seed(following).get_state(),
        permutation=None,
        epochs=config.epochs,
        epoch=epoch,
        batch=batch,
        best=math.inf,
        seconds=seconds,
        images_per_second=0.0,
        sums=nothing,
        reported=nothing,
        carried=nothing,
        reported_at=seconds,
        epoch_began=seconds,
        metrics_length=0,
        new_method=True,
        **skipped,
    )


def step_of(content: bytes | None) -> int | None:
    """The number of steps after which these weights were saved; None where they do not say."""
    if content is None:
        return None
    with suppress(KeyError, ValueError, TypeError, RecursionError):
        return int(metadata_of(content)["step"])
    return None
