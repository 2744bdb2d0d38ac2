"""The learned prior: a denoiser of the latents of a first stage that stays as it is, and what it samples."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from core import latent
from core.choices import Wish, check_temperature, usual_wish
from core.config import RunConfig
from core.data import ImageSet
from core.denoiser import ANY_CLASS, CLASSES, Denoiser
from core.dynamics import DYNAMICS, Dynamics, Predict
from core.models import LATENT_SHAPE, Autoencoder, KlWeight, Loss, fuse

# How often training keeps the class to itself, so that guidance can tell what the class adds. Ho & Salimans 2022.
UNTOLD = 0.1
SAMPLING_BATCH = 1000
VALIDATION_BATCH = 500
DRAWN_TOGETHER = 250
NUMBERS = 64


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
        found = latent.encode(model, images, labels)
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
        self.dynamics = DYNAMICS[config.dynamics](device)
        self.kl_weight = KlWeight()
        self._first_stage = first = fuse(first_stage)
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
        told = torch.where(drawn[:, -1] < UNTOLD, ANY_CLASS, labels)
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
        learned = LearnedPrior(network, DYNAMICS[self._dynamics](), usual_wish(self._dynamics))
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


@dataclass(frozen=True, eq=False)
class LearnedPrior:
    """Draws latents by denoising, as it is wished for."""

    network: Denoiser
    dynamics: Dynamics
    wish: Wish

    def sample(self, count: int, seed: int, temperature: float = 1.0) -> Tensor:
        """Latents (count, 64); the same for the same seed. Raises ConfigError for a temperature out of bounds."""
        *_, last = self.walk(count, seed, temperature)
        return last

    def walk(self, count: int, seed: int, temperature: float = 1.0) -> Iterator[Tensor]:
        """Where latents (count, 64) are after each step on their way from noise, which temperature scales."""
        check_temperature(temperature)
        return self._walk(self._labels(count, torch.Generator().manual_seed(seed)), seed, temperature)

    def of_each_class(self, seed: int) -> Tensor:
        """A sample of each class, (10, 64)."""
        *_, last = self._walk(torch.arange(CLASSES), seed)
        return last

    @torch.inference_mode()
    def _walk(self, labels: Tensor, seed: int, temperature: float = 1.0) -> Iterator[Tensor]:
        generator = torch.Generator().manual_seed(seed)
        noise = temperature * torch.randn((len(labels), *LATENT_SHAPE), generator=generator)
        batches = zip(noise.split(SAMPLING_BATCH), labels.split(SAMPLING_BATCH), strict=True)
        walks = [
            self.dynamics.walk(self._predictor(label), start, self.wish.steps, generator) for start, label in batches
        ]
        for parts in zip(*walks, strict=True):
            yield torch.cat(parts).flatten(1) / self.network.latent_scale

    def _labels(self, count: int, generator: torch.Generator) -> Tensor:
        """The wished class, or classes drawn as often as training images have them."""
        drawn = torch.multinomial(self.network.class_shares, count, replacement=True, generator=generator)
        return drawn if self.wish.digit is None else torch.full((count,), self.wish.digit)

    def _predictor(self, labels: Tensor) -> Predict:
        """What the network predicts for these classes, guided away from what it predicts for any.

        Ho & Salimans 2022, equation 6, with a guidance of 1 for none.
        """
        untold, guidance = torch.full_like(labels, ANY_CLASS), self.wish.guidance

        def predict(z: Tensor, time: float) -> Tensor:
            times = torch.full((len(z),), time)
            told: Tensor = self.network(z, times, labels)
            if guidance == 1:
                return told
            any_class: Tensor = self.network(z, times, untold)
            return torch.lerp(any_class, told, guidance)

        return predict
