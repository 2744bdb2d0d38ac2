"""The learned prior as a sampler: latents out of noise, step by step."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from core.cores import fixed_threads
from core.errors import ConfigError
from core.latents.options import SamplingOptions, check_temperature, default_sampling_options
from core.latents.schedulers import SCHEDULERS, NoiseScheduler, Predict
from core.models.denoiser import CLASSES, NULL_CLASS, Denoiser
from core.models.weights import load_denoiser
from core.text import either

SAMPLING_BATCH = 1000


@dataclass(frozen=True, eq=False)
class LearnedPrior:
    """Draws latents by denoising, as its options say."""

    network: Denoiser
    scheduler: NoiseScheduler
    options: SamplingOptions

    @classmethod
    def of(cls, network: Denoiser, scheduler: str) -> LearnedPrior:
        """A prior with the default options of the scheduler of that name."""
        return cls(network, SCHEDULERS[scheduler](), default_sampling_options(scheduler))

    @property
    def classes(self) -> tuple[int, ...]:
        """The classes that can be asked for: those of the training images, none where they had one or no labels."""
        present = self.network.class_shares.nonzero()[:, 0].tolist()
        return tuple(present) if len(present) > 1 else ()

    def asked(self, options: SamplingOptions) -> LearnedPrior:
        """The same with other options. Raises ConfigError for a digit that cannot be asked for."""
        self.check_digit(options.digit)
        return replace(self, options=options)

    def check_digit(self, digit: int | None) -> None:
        """Raise ConfigError unless that class, or any, can be asked for."""
        if digit is None or digit in self.classes:
            return
        known = f"must be {either([*map(str, self.classes)])}" if self.classes else "must be left out"
        why = "the classes" if self.classes else "one class, or without labels, are all"
        raise ConfigError({"digit": f"digit {known}, not {digit}: {why} of the images that the prior was trained on"})

    def sample(self, count: int, seed: int, temperature: float = 1.0) -> Tensor:
        """Latents (count, D); the same for the same seed. Raises ConfigError for a temperature out of bounds."""
        *_, last = self.denoise(count, seed, temperature)
        return last

    def denoise(self, count: int, seed: int, temperature: float = 1.0) -> Iterator[Tensor]:
        """Latents (count, D) after each step from noise, which temperature scales. Raises ConfigError."""
        check_temperature(temperature)
        labels, generator = self.labels(count, seed), torch.Generator().manual_seed(seed)
        return self._denoise(self._noise(count, generator, temperature), labels, generator)

    def noise(self, count: int, seed: int, temperature: float = 1.0) -> Tensor:
        """What `denoise` starts from, (count, D), as large as its latents."""
        noise = self._noise(count, torch.Generator().manual_seed(seed), temperature)
        return noise.flatten(1) / self.network.latent_scale

    def go_on(self, z: Tensor, seed: int, done: int) -> Iterator[Tensor]:
        """Latents (N, D) after each further step from those after so many; what is random is drawn anew."""
        noisy = z.view(-1, *self.network.latent_shape) * self.network.latent_scale
        generator = torch.Generator().manual_seed(seed + done)
        return self._denoise(noisy, self.labels(len(z), seed), generator, done)

    def of_each_class(self, seed: int) -> Tensor:
        """A sample of each class, (10, D), again from the first where training images have fewer than ten."""
        present = self.network.class_shares.nonzero()[:, 0]
        labels, generator = present[torch.arange(CLASSES) % len(present)], torch.Generator().manual_seed(seed)
        *_, last = self._denoise(self._noise(CLASSES, generator), labels, generator)
        return last

    def _noise(self, count: int, generator: torch.Generator, temperature: float = 1.0) -> Tensor:
        return temperature * torch.randn((count, *self.network.latent_shape), generator=generator)

    @torch.inference_mode()
    def _denoise(self, z: Tensor, labels: Tensor, generator: torch.Generator, done: int = 0) -> Iterator[Tensor]:
        batches = zip(z.split(SAMPLING_BATCH), labels.split(SAMPLING_BATCH), strict=True)
        ways = [
            self.scheduler.denoise(self.predictor(label), start, self.options.steps, generator, done)
            for start, label in batches
        ]
        for parts in zip(*ways, strict=True):
            yield torch.cat(parts).flatten(1) / self.network.latent_scale

    def labels(self, count: int, seed: int) -> Tensor:
        """The class of each sample of that seed: what was asked for, else drawn as often as training images have it."""
        generator = torch.Generator().manual_seed(seed)
        drawn = torch.multinomial(self.network.class_shares, count, replacement=True, generator=generator)
        return drawn if self.options.digit is None else torch.full((count,), self.options.digit)

    def predictor(self, labels: Tensor) -> Predict:
        """The network's prediction for these classes, guided away from its prediction without a class.

        Ho & Salimans 2022, equation 6, with a guidance of 1 for none.
        """
        no_class, guidance = torch.full_like(labels, NULL_CLASS), self.options.guidance

        def predict(z: Tensor, time: float) -> Tensor:
            times = torch.full((len(z),), time)
            with fixed_threads(1):
                conditional: Tensor = self.network(z, times, labels)
                if guidance == 1:
                    return conditional
                unconditional: Tensor = self.network(z, times, no_class)
                return torch.lerp(unconditional, conditional, guidance)

        return predict


def load_learned_prior(content: bytes, latent_shape: tuple[int, int, int], scheduler: str, path: Path) -> LearnedPrior:
    """The learned prior over latents of that shape in a file's content, with the default options.

    Raises DamagedFile, which names `path`.
    """
    return LearnedPrior.of(load_denoiser(content, latent_shape, path), scheduler)
