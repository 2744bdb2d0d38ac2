"""What a learned prior trains on: the latents of a frozen first stage."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from core.data.images import ImageSet
from core.kernels.denoiser_step import DenoiserStep
from core.kernels.step_library import Products
from core.latents import encoding
from core.latents.learned_prior import LearnedPrior
from core.latents.schedulers import SCHEDULERS, NoisySample
from core.models.autoencoder import Autoencoder, KlWeight, Loss, fold_batch_norm
from core.models.denoiser import CLASSES, NULL_CLASS, Denoiser
from core.runs.config import RunConfig
from core.training.devices.memory import measure
from core.training.devices.numerics import proper_float32

# How often training drops the class, so that guidance can tell what the class adds. Ho & Salimans 2022.
CLASS_DROPOUT = 0.1
VALIDATION_BATCH = 500
SAMPLE_BATCH = 250


@dataclass(frozen=True, eq=False)
class ScaledLatents:
    """Posteriors of N images over latents scaled to a standard deviation of 1.

    Means and standard deviations (N, C, h, w), labels (N,).
    """

    mean: Tensor
    deviation: Tensor
    labels: Tensor

    @classmethod
    @proper_float32()
    def of(cls, model: Autoencoder, images: Tensor, labels: Tensor, device: torch.device) -> ScaledLatents:
        """The posteriors of images uint8 (N, 32, 32) on the CPU, computed on a device and left there.

        The model's latent scale is known.
        """
        assert model.latent_scale is not None
        found = encoding.encode(copy.deepcopy(model).to(device), images, labels)
        mean, variance = (torch.from_numpy(part).view(-1, *model.latent_shape) for part in (found.mean, found.variance))
        scaled = mean * model.latent_scale, variance.sqrt() * model.latent_scale, labels
        return cls(*(part.to(device) for part in scaled))

    def sample(self, indices: Tensor, noise: Tensor) -> Tensor:
        """Posterior samples of the images with indices (B,) for standard normal noise, (B, C, h, w)."""
        return self.mean[indices] + self.deviation[indices] * noise


class LatentObjective:
    """A denoiser on the latents of images: squared error of its prediction, summed over the dimensions of a latent."""

    def __init__(
        self, config: RunConfig, images: ImageSet, first_stage: Autoencoder, model: Denoiser, device: torch.device
    ) -> None:
        self.model, self.device = model.to(device), device
        self.scheduler = SCHEDULERS[config.dynamics](device)
        self.kl_weight = KlWeight()
        self._latent_size = math.prod(model.latent_shape)
        self._first_stage = first = fold_batch_norm(first_stage)
        self._dynamics = config.dynamics
        assert first_stage.latent_scale is not None
        self.model.latent_scale = first_stage.latent_scale
        self._train = ScaledLatents.of(first, images.train_images, images.train_labels, device)
        self._validation = ScaledLatents.of(first, images.validation_images, images.validation_labels, device)
        self.examples, self.held_out = len(images.train_images), len(images.validation_images)
        shares = images.train_labels.bincount(minlength=CLASSES) / self.examples
        self.model.class_shares.copy_(shares)

    def accelerate(self, precision: str) -> tuple[nn.Module, str]:
        """The model itself, in bfloat16 where asked for."""
        if precision == "bfloat16":
            return Autocast(self.model, self.device.type), "bfloat16"
        return self.model, "float32"

    def compile_step(
        self, optimizer: torch.optim.Adam, batch_size: int, products: Products
    ) -> Callable[[Tensor, Tensor | None], Tensor]:
        """A step of the optimizer on a CPU as one call into compiled code. Raises Unavailable."""
        at_once = min(batch_size, self.examples)
        step = DenoiserStep(self.model, optimizer, at_once, products, torch.get_num_threads())

        def train(indices: Tensor, noise: Tensor | None) -> Tensor:
            assert noise is not None
            noisy = self._add_noise(self._train, indices, noise)
            error = step(noisy.latents, noisy.time, self._training_labels(indices, noise), noisy.target)
            return torch.tensor([error, 0.0], dtype=torch.float64)

        return train

    def sample_noise(self, count: int, generator: torch.Generator) -> Tensor:
        """Noise of the posterior, noise of the diffusion, its time and the class dropout, (count, 2 D + 2)."""
        device = generator.device
        noise = torch.randn((count, 2 * self._latent_size), generator=generator, device=device)
        return torch.cat([noise, torch.rand((count, 2), generator=generator, device=device)], dim=1)

    def loss(self, forward: nn.Module, indices: Tensor, noise: Tensor | None) -> Loss:
        """The error on the latents of the images with indices (B,)."""
        assert noise is not None
        return self._error(forward, self._train, indices, self._training_labels(indices, noise), noise)

    def _training_labels(self, indices: Tensor, noise: Tensor) -> Tensor:
        return torch.where(noise[:, -1] < CLASS_DROPOUT, NULL_CLASS, self._train.labels[indices])

    def _add_noise(self, latents: ScaledLatents, indices: Tensor, noise: Tensor) -> NoisySample:
        of_posterior, of_diffusion, others = noise.split([self._latent_size, self._latent_size, 2], dim=1)
        z = latents.sample(indices, of_posterior.view(-1, *self.model.latent_shape))
        return self.scheduler.add_noise(z, of_diffusion.view(-1, *self.model.latent_shape), others[:, 0])

    def _error(
        self, forward: nn.Module, latents: ScaledLatents, indices: Tensor, labels: Tensor, noise: Tensor
    ) -> Loss:
        noisy = self._add_noise(latents, indices, noise)
        predicted = forward(noisy.latents, noisy.time, labels)
        error = (predicted - noisy.target).square().sum(dim=(1, 2, 3))
        return Loss(error, torch.zeros_like(error))

    def validate(self, generator: torch.Generator) -> Iterator[Tensor]:
        """For each batch of validation images, classes given, the sums of the error and zero, (2,)."""
        for indices in torch.arange(self.held_out, device=self.device).split(VALIDATION_BATCH):
            noise = self.sample_noise(len(indices), generator)
            yield measure(partial(self._validation_sums, indices, noise), len(indices))

    def _validation_sums(self, indices: Tensor, noise: Tensor, part: slice) -> Tensor:
        chosen = indices[part]
        parts = self._error(self.model, self._validation, chosen, self._validation.labels[chosen], noise[part])
        return torch.stack([parts.reconstruction.sum(), parts.kl.sum()])

    def latent_use(self, means: Tensor) -> dict[str, float]:
        """Nothing: the latents are those of the first stage."""
        return {}

    def samples(self, count: int, seed: int) -> Iterator[Tensor]:
        """So many images in the default number of steps, with the class frequencies of the training images."""
        network = copy.deepcopy(self.model).cpu().to(memory_format=torch.contiguous_format).eval()
        learned = LearnedPrior.of(network, self._dynamics)
        for first in range(0, count, SAMPLE_BATCH):
            z = learned.sample(min(SAMPLE_BATCH, count - first), seed + first)
            yield self._first_stage.decode(z)

    def metadata(self, *, measured: bool) -> dict[str, object]:
        """The scale of the latents that the denoiser was trained on."""
        return {"latent_scale": self.model.latent_scale}


class Autocast(nn.Module):
    """A network whose matrix products and convolutions compute in bfloat16."""

    def __init__(self, network: nn.Module, device_type: str) -> None:
        super().__init__()
        self.network, self._device_type = network, device_type

    def forward(self, z: Tensor, time: Tensor, label: Tensor) -> Tensor:
        """What the network gives, as float32."""
        # A recorded step must not keep weights that were cast before it.
        with torch.autocast(self._device_type, torch.bfloat16, cache_enabled=False):
            predicted: Tensor = self.network(z, time, label)
        return predicted.float()
