"""What a learned prior trains on: the latents of a frozen first stage."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from core.data.images import ImageSet
from core.latents import encoding
from core.latents.learned_prior import NUMBERS, LearnedPrior
from core.latents.options import default_sampling_options
from core.latents.schedulers import SCHEDULERS
from core.models.autoencoder import LATENT_SHAPE, Autoencoder, KlWeight, Loss, fold_batch_norm
from core.models.denoiser import CLASSES, NULL_CLASS, Denoiser
from core.runs.config import RunConfig

# How often training keeps the class to itself, so that guidance can tell what the class adds. Ho & Salimans 2022.
CLASS_DROPOUT = 0.1
VALIDATION_BATCH = 500
DRAWN_TOGETHER = 250


@dataclass(frozen=True, eq=False)
class ScaledLatents:
    """Posteriors of N images over latents that were scaled to a standard deviation of 1.

    Means and deviations (N, 4, 4, 4), labels (N,).
    """

    mean: Tensor
    deviation: Tensor
    labels: Tensor

    @classmethod
    def of(cls, model: Autoencoder, images: Tensor, labels: Tensor, device: torch.device) -> ScaledLatents:
        """Those of images uint8 (N, 32, 32) on the CPU, moved to a device."""
        found = encoding.encode(model, images, labels)
        mean, variance = (torch.from_numpy(part).view(-1, *LATENT_SHAPE) for part in (found.mean, found.variance))
        scaled = mean * model.latent_scale, variance.sqrt() * model.latent_scale, labels
        return cls(*(part.to(device) for part in scaled))

    def at(self, chosen: Tensor, noise: Tensor) -> Tensor:
        """Posterior samples of the images with indices (B,), which so much noise leads to, (B, 4, 4, 4)."""
        return self.mean[chosen] + self.deviation[chosen] * noise


class LatentObjective:
    """A denoiser on the latents of images: the squared error of what it predicts, summed over a latent's numbers."""

    def __init__(
        self, config: RunConfig, images: ImageSet, first_stage: Autoencoder, model: Denoiser, device: torch.device
    ) -> None:
        self.model, self.device = model.to(device), device
        self.dynamics = SCHEDULERS[config.dynamics](device)
        self.kl_weight = KlWeight()
        self._first_stage = first = fold_batch_norm(first_stage)
        self._dynamics = config.dynamics
        self.model.latent_scale = first_stage.latent_scale
        self._train = ScaledLatents.of(first, images.train_images, images.train_labels, device)
        self._validation = ScaledLatents.of(first, images.validation_images, images.validation_labels, device)
        self.examples, self.held_out = len(images.train_images), len(images.validation_images)
        shares = images.train_labels.bincount(minlength=CLASSES) / self.examples
        self.model.class_shares.copy_(shares)

    def accelerate(self, precision: str) -> tuple[nn.Module, str]:
        """The model itself; bfloat16 where it is asked for."""
        if precision == "bfloat16":
            return Autocast(self.model, self.device.type), "bfloat16"
        return self.model, "float32"

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        """Noise of the posterior, noise of the way, time and whether the class is told, (count, 130)."""
        device = generator.device
        noise = torch.randn((count, 2 * NUMBERS), generator=generator, device=device)
        return torch.cat([noise, torch.rand((count, 2), generator=generator, device=device)], dim=1)

    def parts(self, called: nn.Module, chosen: Tensor, drawn: Tensor | None) -> Loss:
        """The error on the latents of the images with indices (B,)."""
        assert drawn is not None
        labels = self._train.labels[chosen]
        told = torch.where(drawn[:, -1] < CLASS_DROPOUT, NULL_CLASS, labels)
        return self._error(called, self._train, chosen, told, drawn)

    def _error(self, called: nn.Module, latents: ScaledLatents, chosen: Tensor, labels: Tensor, drawn: Tensor) -> Loss:
        own, way, time = drawn[:, :NUMBERS], drawn[:, NUMBERS : 2 * NUMBERS], drawn[:, -2]
        z = latents.at(chosen, own.view(-1, *LATENT_SHAPE))
        noisy = self.dynamics.noisy(z, way.view(-1, *LATENT_SHAPE), time)
        predicted = called(noisy.latents, noisy.time, labels)
        error = (predicted - noisy.target).square().sum(dim=(1, 2, 3))
        return Loss(error, torch.zeros_like(error))

    def validate(self, generator: torch.Generator) -> Iterator[Tensor]:
        """For each batch of validation images the sums of the error, of the class told, and of nothing, (2,)."""
        for chosen in torch.arange(self.held_out, device=self.device).split(VALIDATION_BATCH):
            with torch.no_grad():
                drawn = self.draw(len(chosen), generator)
                parts = self._error(self.model, self._validation, chosen, self._validation.labels[chosen], drawn)
            yield torch.stack([parts.reconstruction.sum(), parts.kl.sum()])

    def samples(self, count: int, seed: int) -> Iterator[Tensor]:
        """So many images in the usual number of steps, classes as often as training images have them."""
        network = copy.deepcopy(self.model).cpu().eval()
        learned = LearnedPrior(network, SCHEDULERS[self._dynamics](), default_sampling_options(self._dynamics))
        for first in range(0, count, DRAWN_TOGETHER):
            z = learned.sample(min(DRAWN_TOGETHER, count - first), seed + first)
            yield self._first_stage.decode(z.view(-1, *LATENT_SHAPE))

    def metadata(self) -> dict[str, float]:
        """The scale of the latents that the denoiser knows."""
        return {"latent_scale": self.model.latent_scale}


class Autocast(nn.Module):
    """A network whose matrix products and convolutions take bfloat16."""

    def __init__(self, network: nn.Module, device_type: str) -> None:
        super().__init__()
        self.network, self._device_type = network, device_type

    def forward(self, z: Tensor, time: Tensor, label: Tensor) -> Tensor:
        """What the network gives, as float32."""
        # A recorded step must not keep weights that were cast before it.
        with torch.autocast(self._device_type, torch.bfloat16, cache_enabled=False):
            predicted: Tensor = self.network(z, time, label)
        return predicted.float()
