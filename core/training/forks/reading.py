"""What a fork takes from the run that it goes on from, all of one moment, while that may be trained and saved."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass

from torch import Tensor

from core.errors import DamagedFile, RunError
from core.models.likelihood import Likelihood
from core.models.weights import LIKELIHOOD, load_autoencoder, load_denoiser, metadata_of, weights_to_bytes
from core.runs.config import RunConfig
from core.runs.forks.moment import Moment
from core.runs.run import Run
from core.training.checkpoint import TrainingState, load_state
from core.training.forks.state import step_of

SAVE_SECONDS, PAUSE = 2.0, 0.05  # that a trainer takes to write three files one after the other, and between looks


@dataclass(frozen=True, eq=False)
class Saved:
    """The newest state of a run, and weights as files: those of the state, and the best ones so far, if any."""

    state: TrainingState
    step: int
    weights: bytes
    best: bytes | None


def read_newest(run: Run, steps_per_epoch: int) -> Saved:
    """What was saved last. Raises RunError where nothing was, DamagedFile or OSError."""
    deadline = time.monotonic() + SAVE_SECONDS
    while True:
        state, newest, best = load_state(run), _weights(run), _weights(run, best=True)
        if state is None:
            raise RunError(f"{run.name} has saved no state yet that a fork could go on from")
        step, best_step = state.epoch * steps_per_epoch + state.batch, step_of(best)
        is_whole = step_of(newest) == step and (best_step is None or best_step <= step)
        if is_whole or time.monotonic() > deadline or not run.last_status().state.active:
            break
        time.sleep(PAUSE)
    weights = newest if newest and step_of(newest) == step else _as_file(run.config(), state, step, newest)
    return Saved(state, step, weights, best if best_step is not None and best_step <= step else None)


def read_snapshot(run: Run, moment: Moment) -> tuple[dict[str, Tensor], bytes]:
    """The tensors of a snapshot and its file. Raises DamagedFile or OSError."""
    assert moment.snapshot is not None
    content, path = moment.snapshot.read(), moment.snapshot.path
    config = run.config()
    if config.preset_record.learns_prior:
        return dict(load_denoiser(content, config.sizes.latent_shape, path).state_dict()), content
    return dict(load_autoencoder(content, config.preset, path).state_dict()), content


def _weights(run: Run, *, best: bool = False) -> bytes | None:
    try:
        return run.read_weights(best=best)
    except (RunError, DamagedFile):  # the state has them too
        return None


def _as_file(config: RunConfig, state: TrainingState, step: int, other: bytes | None) -> bytes:
    """The weights of a state as a file, where a kill came between the files of a save."""
    metadata: dict[str, object] = {"preset": config.preset, "epoch": state.epoch, "step": step}
    if config.likelihood != Likelihood.GAUSSIAN and not config.preset_record.learns_prior:
        metadata[LIKELIHOOD] = config.likelihood
    if config.preset_record.learns_prior and other is not None:
        with suppress(KeyError, ValueError, TypeError, RecursionError):
            metadata["latent_scale"] = float(metadata_of(other)["latent_scale"])  # always that of its first stage
    return weights_to_bytes(state.model, metadata)
