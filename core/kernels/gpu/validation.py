"""The loss of held-out images in the kernels of a step, normalised by running statistics."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from core.kernels.gpu.launches.forward import ForwardBuilder, Launch
from core.kernels.gpu.layers import layers_of
from core.kernels.gpu.memory import Frozen
from core.kernels.gpu.plan.evaluation import MOST, EvaluationPlan
from core.kernels.recording import new_graph
from core.models.autoencoder import MODELS, Autoencoder


class TritonValidation:
    """Sums of squared error and KL divergence over images uint8 (N, 32, 32), in proper float32.

    On a GPU everything but the noise is recorded as one graph for each size of a batch.
    """

    def __init__(self, model: Autoencoder, images: Tensor, batch: int) -> None:
        """`batch`: the images at once. Raises Unfit, or what PyTorch raises without memory."""
        assert batch <= MOST
        encoder, decoder = layers_of(model)
        preset = next(preset for preset, kind in MODELS.items() if type(model) is kind)
        self._model, self._images = model, images
        self._frozen = Frozen(model)
        self.plan = EvaluationPlan(encoder, decoder, preset, self._frozen, min(batch, len(images)))
        self._sums = torch.zeros(2, dtype=torch.float64, device=images.device)
        self._recorded: dict[int, torch.cuda.CUDAGraph] = {}
        self._places = torch.arange(len(images), device=images.device)

    def __call__(self, generator: torch.Generator) -> Iterator[Tensor]:
        """For each batch the sums, (2,); with the weights of the first call, and noise as the model would draw it."""
        self._frozen.take()
        plan = self.plan
        for places in self._places.split(plan.batch):
            count = len(places)
            if (noise := self._model.noise(count, generator)) is not None:
                plan.noise.view(-1)[: noise.numel()].copy_(noise.flatten())
            plan.chosen.view(-1)[:count].copy_(places)
            self._compute(count)
            yield self._sums.clone()

    def launches(self, count: int) -> list[Launch]:
        """What so many images need, in this order."""
        return ForwardBuilder(self.plan, self._images, count).build()

    def record(self) -> None:
        """Record both sizes of batches, which their first ones do otherwise."""
        for places in self._places.split(self.plan.batch):
            if len(places) not in self._recorded:
                self._recorded[len(places)] = self._record(len(places))

    def _compute(self, count: int) -> None:
        if not self._images.is_cuda:
            self._run(count)
            return
        if count not in self._recorded:
            self._recorded[count] = self._record(count)
        self._recorded[count].replay()

    def _run(self, count: int) -> None:
        plan = self.plan
        plan.know(count)
        for launch in self.launches(count):
            launch()
        torch.sum(plan.errors[0, : plan.last_parts(count)], 0, dtype=torch.float64, out=self._sums[0])
        torch.sum(plan.divergences[0, : plan.parts(plan.decoder[0], count)], 0, dtype=torch.float64, out=self._sums[1])

    def _record(self, count: int) -> torch.cuda.CUDAGraph:
        with torch.cuda.device(self._images.device):
            self._run(count)  # loads the kernels
            torch.cuda.synchronize()
            graph = new_graph([])
            with torch.cuda.graph(graph):
                self._run(count)
        return graph
