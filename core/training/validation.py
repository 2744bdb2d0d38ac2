"""What is measured on the weights after an epoch: the validation loss, and the Fréchet distance of samples."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from core.evaluation.periodic import PeriodicFrechet
from core.runs.config import RunConfig
from core.training.objectives import Objective
from core.training.totals import LossTotals, zero_sums

FRECHET_SAMPLES = 2000
Validate = Callable[[torch.Generator], Iterator[Tensor]]  # gives the sums of each batch, as `Objective.validate` does


@dataclass(frozen=True)
class Validated:
    """What a validation gave: the parts of the loss, and how much of the latents is used, as metrics.jsonl names it."""

    totals: LossTotals
    latent_use: Mapping[str, float]


class Validation:
    """Measures weights while they train, and knows the best validation loss so far, and how long ago that was.

    `train_images` uint8 (N, 32, 32) are what samples are compared with.
    """

    def __init__(self, objective: Objective, train_images: Tensor, device: torch.device, config: RunConfig) -> None:
        self.best_loss = math.inf
        self.since_best = 0  # validations
        self._patience, self._seed = config.patience, config.seed
        self._objective, self._device = objective, device
        # Now, while what it reads is there: the package may be upgraded, or its environment removed, beside a training.
        self._frechet = PeriodicFrechet(train_images) if config.measure_every else None

    def losses(self, validate: Validate, step: int) -> Generator[None, None, Validated]:
        """What the held-out examples give, always with the same noise; yields after each batch. Raises Diverged.

        `validate` is the objective's own, or does the same faster.
        """
        generator = torch.Generator(self._device).manual_seed(self._seed)
        sums, others = zero_sums(self._device), torch.zeros(())
        for batch in validate(generator):
            sums += batch[: len(sums)]
            others = batch[len(sums) :].to(sums.dtype) + others
            yield
        count = self._objective.held_out
        totals = LossTotals.read(count, sums, "validation loss", step)
        return Validated(totals, self._objective.latent_use(others / count))

    def frechet(self, samples: int) -> Generator[None, None, float]:
        """The Fréchet distance of so many samples; yields after each batch. Raises Diverged."""
        if self._frechet is None:
            raise ValueError("this run measures no samples: measure_every is 0")
        return self._frechet.measure(self._objective.samples(samples, self._seed))

    def is_best(self, loss: float) -> bool:
        """Whether this validation loss is the lowest so far, which it then is for the next one."""
        best = loss < self.best_loss
        self.best_loss = min(loss, self.best_loss)
        self.since_best = 0 if best else self.since_best + 1
        return best

    @property
    def exhausted(self) -> str | None:
        """Why training ends early, where the loss has not been lower for as many validations as it has patience."""
        if not 0 < self._patience <= self.since_best:
            return None
        validations = f"{self.since_best} validation{'s' * (self.since_best > 1)}"
        return f"no lower validation loss than {self.best_loss:.4g} in {validations}"

    def state_dict(self) -> dict[str, float]:
        """What a resume needs, under the keys of state.pt."""
        return {"best": self.best_loss} | ({"since_best": self.since_best} if self._patience else {})

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a saved state."""
        self.best_loss, self.since_best = state["best"], state["since_best"]
