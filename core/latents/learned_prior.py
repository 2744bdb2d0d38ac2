"""The learned prior as a sampler: latents out of noise, step by step."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from core.latents.options import SamplingOptions, check_temperature
from core.latents.schedulers import NoiseScheduler, Predict
from core.models.autoencoder import LATENT_SHAPE
from core.models.denoiser import CLASSES, NULL_CLASS, Denoiser

SAMPLING_BATCH = 1000
NUMBERS = 64


@dataclass(frozen=True, eq=False)
class LearnedPrior:
    """Draws latents by denoising, as it is wished for."""

    network: Denoiser
    dynamics: NoiseScheduler
    wish: SamplingOptions

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
        untold, guidance = torch.full_like(labels, NULL_CLASS), self.wish.guidance

        def predict(z: Tensor, time: float) -> Tensor:
            times = torch.full((len(z),), time)
            told: Tensor = self.network(z, times, labels)
            if guidance == 1:
                return told
            any_class: Tensor = self.network(z, times, untold)
            return torch.lerp(any_class, told, guidance)

        return predict
