"""The state with which a fork begins: the newest one of a run, or one around the weights of a snapshot."""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import torch
from torch import Tensor, nn

from core.errors import DamagedFile
from core.models.denoiser import Denoiser
from core.models.weights import metadata_of
from core.runs.config import RunConfig
from core.runs.run import Run
from core.training.checkpoint import TrainingState, take_over
from core.training.objectives import new_autoencoder
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
        model = _new_model(config)
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


def check_usable(state: TrainingState, run: Run, config: RunConfig, steps_per_epoch: int) -> None:
    """Raise DamagedFile where a trainer would refuse to go on from the state of the run.

    It is not known how many images there are: where no order of theirs was saved, whole batches of them do.
    """
    images = steps_per_epoch * config.batch_size if state.permutation is None else len(state.permutation)
    if math.ceil(images / config.batch_size) != steps_per_epoch:
        raise DamagedFile(run.state_path, f"is of {images:,} images, and not of {steps_per_epoch:,} steps an epoch")
    with torch.random.fork_rng(devices=[]):
        model = _new_model(config)
    optimizer = ScheduledAdam(model, config.schedule, config.learning_rate)
    take_over(state, run, model, optimizer, torch.Generator(), images, config.batch_size)


def _new_model(config: RunConfig) -> nn.Module:
    return Denoiser(config.sizes.latent_shape) if config.preset_record.learns_prior else new_autoencoder(config)


def step_of(content: bytes | None) -> int | None:
    """The number of steps after which these weights were saved; None where they do not say."""
    if content is None:
        return None
    with suppress(KeyError, ValueError, TypeError, RecursionError):
        return int(metadata_of(content)["step"])
    return None
