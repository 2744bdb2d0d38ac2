"""A step of a learned prior on a GPU: PyTorch's layers with kernels in place of their normalisations, recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from core.kernels.compiler import Unavailable
from core.shapes import LATENT_SHAPE
from core.training.latent_objective import Autocast, LatentObjective
from core.training.methods.training import Training
from core.training.methods.usual import POSTS_LATENT
from core.training.step import Recorder, TrainingStep

if TYPE_CHECKING:
    from core.kernels.gpu.denoiser.selftest import WantedNorms


def wanted_norms(objective: LatentObjective, precision: str) -> WantedNorms:
    """The kernels for a prior. Raises Unavailable with the reason where there are none."""
    if objective.model.latent_shape != LATENT_SHAPE:
        raise Unavailable(f"latents are not {POSTS_LATENT}")
    try:
        from core.kernels.gpu.compiling import use_cache
        from core.kernels.gpu.denoiser.selftest import WantedNorms
    except ImportError as error:
        raise Unavailable(str(error)) from error
    use_cache()
    return WantedNorms("bfloat16" if precision == "bfloat16" else "float32")


class DenoisingStep:
    """Does what `TrainingStep` does with other bits; weights of convolutions lie channels last from then on.

    Where it cannot be recorded they lie as before. Raises what PyTorch and Triton raise without memory.
    """

    def __init__(self, training: Training, wanted: WantedNorms, recorder: Recorder) -> None:
        from core.kernels.gpu.denoiser.network import fast, lay_out

        assert isinstance(training.objective, LatentObjective)
        model, optimizer = training.objective.model, training.optimizer
        forward: torch.nn.Module = fast(model)
        if wanted.precision == "bfloat16":
            forward = Autocast(forward, training.device.type)
        lay_out(model, optimizer, torch.channels_last)
        try:
            step = TrainingStep(
                training.objective, forward, optimizer, training.generator, training.totals, training.ranks,
                training.config.clip_norm,
            )  # fmt: skip
            self._step = step.recorded(recorder)
            batch = min(training.config.batch_size, training.objective.examples)
            for size in {batch, training.objective.examples % batch} - {0}:
                self._step.record(torch.arange(size, device=training.device))
        except BaseException:
            lay_out(model, optimizer, torch.contiguous_format)
            raise
        self.validate = training.objective.validate
        self.method = f"Triton kernels in layers, {wanted.precision}"

    @property
    def squares(self) -> Tensor:
        """What the squares of the last gradient's numbers add up to, in parts."""
        return self._step.squares

    def __call__(self, indices: Tensor) -> None:
        """Do the step."""
        self._step(indices)
