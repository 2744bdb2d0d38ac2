"""One step of several trainings: each gives its batch, and all are trained at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from core.kernels.gpu.compiling import Wanted
    from core.kernels.gpu.denoiser.selftest import WantedNorms
    from core.kernels.gpu.step import TritonStep
    from core.training.methods.kernels import KernelStep, Preparation


class SharedStep:
    """Trains those who have given a batch, each as if it were alone: the same bits, whoever shares the step.

    What a training changes lies in the memory of the step that it was in last, also after it has left.
    """

    def __init__(self) -> None:
        self.preparations: dict[tuple[Wanted | WantedNorms, torch.device], Preparation] = {}  # which many share
        self._members: list[KernelStep] = []
        self._step: TritonStep | None = None

    def launch(self, there: Sequence[KernelStep]) -> None:
        """Once all of these have given a batch, do the step of those that are least far in their epoch.

        So those that have come to different steps train together again after an epoch at most. Batches that were part
        of the step are gone afterwards, also where it raises what PyTorch raises without memory.
        """
        if any(place.batch is None for place in there):
            return
        first = min(there, key=lambda place: place.training.totals.passed)
        members = [place for place in there if _alike(place, first)]
        batches = [place.batch for place in members if place.batch is not None]
        for place in members:
            place.batch = None
        step = self.gather(members)
        step(torch.stack(batches) if len(batches) > 1 else batches[0])

    def gather(self, members: list[KernelStep]) -> TritonStep:
        """The step of these, which have their tensors in its memory from then on."""
        if self._step is None or members != self._members:
            self._members, self._step = [], None  # the memory of the step before, if this one cannot be made
            step = make_step(members)
            for place, sums, squares in zip(members, step.totals, step.squares, strict=True):
                totals = place.training.totals
                sums.copy_(totals.sums)
                totals.sums = sums
                if place.squares is not None:
                    squares.copy_(place.squares)
                place.squares = squares
            self._members, self._step = members, step
        return self._step


def _alike(one: KernelStep, other: KernelStep) -> bool:
    """Whether one step can train both, with batches of the same size."""
    same_kind = one.wanted == other.wanted and one.objective.images.train_images is other.objective.images.train_images
    return same_kind and one.training.totals.passed == other.training.totals.passed


def make_step(members: Sequence[KernelStep]) -> TritonStep:
    """The step in Triton kernels. Raises Unfit, or what PyTorch and Triton raise without memory."""
    from core.kernels.gpu.step import TritonStep
    from core.kernels.gpu.tiles import tiles_within

    objectives = [place.objective for place in members]
    wanted = members[0].wanted
    return TritonStep(
        [objective.model for objective in objectives], [place.training.optimizer for place in members],
        [place.training.generator for place in members], objectives[0].images.train_images,
        [objective.kl_weight for objective in objectives], wanted.batch, wanted.precision,
        tiles_within(wanted.room, wanted.precision),
    )  # fmt: skip
