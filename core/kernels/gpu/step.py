"""The training step of one or several runs as a list of launches, recorded as one CUDA graph where there is a GPU."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from core.kernels.gpu.launches.backward import Builder
from core.kernels.gpu.launches.forward import Launch
from core.kernels.gpu.layers import IMAGE, Unfit, layers_of
from core.kernels.gpu.memory import Memory
from core.kernels.gpu.plan.backward import Plan
from core.kernels.gpu.tiles import Tiles, room_of, tiles_within
from core.kernels.recording import new_graph
from core.models.autoencoder import MODELS, Autoencoder, KlWeight

LARGEST = 2**31  # what the kernels count with


class TritonStep:
    """Trains models of the same preset, each with its own seed, in place of PyTorch's layers, autograd and Adam.

    The models' and optimizers' tensors become views of this step's: what is read from them is always current, and
    loading into a model needs nothing more; after loading into an optimizer call `memory.restored()`.
    An optimizer is Adam with its defaults on one group of parameters. Raises Unfit.
    """

    def __init__(
        self,
        models: Sequence[Autoencoder],
        optimizers: Sequence[torch.optim.Optimizer],
        generators: Sequence[torch.Generator],
        images: Tensor,
        kl_weights: Sequence[KlWeight],
        batch: int,
        precision: str = "float32",
        tiles: Tiles | None = None,
    ) -> None:
        """`images` are uint8 (N, 32, 32) on the models' device, `batch` the most that a step is given."""
        preset = _preset(models, kl_weights)
        encoder, decoder = layers_of(models[0])
        if max(len(models) * batch * IMAGE**2 * decoder[-1].channels_out, images.numel()) >= LARGEST:
            raise Unfit("there is more than the kernels can count")
        self.models, self.optimizers, self.generators = models, optimizers, generators
        self.images, self.kl_weights = images, kl_weights
        self.memory = Memory(models, optimizers)
        tiles = tiles or tiles_within(room_of(images.device), precision)
        low, optimal = precision == "bfloat16", kl_weights[0].optimal
        self.plan = Plan(encoder, decoder, preset, self.memory, tiles, batch, low, optimal)
        betas = torch.tensor([[weight.beta] for weight in kl_weights])
        self.plan.weights_of_kl.copy_(betas)
        self._draws = preset != "ae"
        self._steps: dict[int, list[Launch]] = {}
        self._recorded: dict[int, torch.cuda.CUDAGraph] = {}

    @property
    def totals(self) -> Tensor:
        """What each run's squared errors and KL divergences added up to so far, float64 (runs, 2)."""
        return self.plan.totals

    @property
    def squares(self) -> Tensor:
        """What the squares of the last gradient's numbers add up to, in parts, float32 (runs, parts)."""
        return self.plan.squares

    def changing(self) -> list[Tensor]:
        """All that a step changes and that is read after it."""
        return [*self.memory.changing(), self.totals, self.squares]

    def __call__(self, chosen: Tensor) -> None:
        """One step on the images with these indices, (B,) for one run or (runs, B)."""
        count = chosen.shape[-1]
        self.place(self.plan.chosen, count).copy_(chosen.view(-1, count))
        if not self.images.is_cuda:
            self.draw(count)
            self.run(count)
            return
        self.record(count)
        self._recorded[count].replay()

    def record(self, count: int) -> None:
        """Record the step for batches of this size, which its first one does otherwise."""
        if count not in self._recorded:
            self._recorded[count] = self._record(count)

    def place(self, tensor: Tensor, count: int) -> Tensor:
        """Where a batch of this size lies in a tensor for the largest batch, (runs, count, ...)."""
        runs, _, *shape = tensor.shape
        return tensor.flatten()[: runs * count * tensor[0, 0].numel()].view(runs, count, *shape)

    def draw(self, count: int) -> None:
        """Draw the noise of a step as the models themselves would."""
        if self._draws:
            noise = self.place(self.plan.noise, count)
            for run, generator in enumerate(self.generators):
                noise[run].normal_(generator=generator)

    def run(self, count: int) -> None:
        """Launch everything, on the noise that is there."""
        for launch in self.launches(count):
            launch()

    def launches(self, count: int) -> list[Launch]:
        """What a step on so many images launches, in this order."""
        if count not in self._steps:
            self._steps[count] = Builder(self.plan, self.images, count).build()
        return self._steps[count]

    def _record(self, count: int) -> torch.cuda.CUDAGraph:
        """A graph of the step. The kernels are compiled and loaded by a step that is undone."""
        before = [tensor.clone() for tensor in self.changing()]
        with torch.cuda.device(self.images.device):
            self.run(count)
            torch.cuda.synchronize()
            for tensor, value in zip(self.changing(), before, strict=True):
                tensor.copy_(value)
            graph = new_graph(self.generators)
            with torch.cuda.graph(graph):
                self.draw(count)
                self.run(count)
        return graph


def _preset(models: Sequence[Autoencoder], kl_weights: Sequence[KlWeight]) -> str:
    kinds = {type(model) for model in models}
    presets = [preset for preset, kind in MODELS.items() if kinds == {kind}]
    if not presets:
        raise Unfit("there are no kernels for this model, or the runs' models differ")
    if len({weight.optimal for weight in kl_weights}) > 1:
        raise Unfit("the runs weigh the KL divergence in different ways")
    return presets[0]
