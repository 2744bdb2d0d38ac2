"""Noise schedulers: from latents to noise, which a denoiser learns to undo, and back step by step."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from core.models.denoiser import TIME_STEPS

# The network's prediction (B, ...) for latents (B, ...) at one time from 0 (latents) to 1 (noise).
Predict = Callable[[Tensor, float], Tensor]
BETAS = (1e-4, 0.02)
CPU = torch.device("cpu")


@dataclass(frozen=True, eq=False)
class NoisySample:
    """Noisy latents (B, C, H, W), their times (B,), and the target of the prediction, shaped like the latents."""

    latents: Tensor
    time: Tensor
    target: Tensor


class NoiseScheduler(Protocol):
    """A way from latents to noise and back, for latents on one device."""

    def add_noise(self, z: Tensor, noise: Tensor, time: Tensor) -> NoisySample:
        """Latents (B, C, H, W) with this noise added, at times (B,) uniform in [0, 1)."""

    def expected(self, z: Tensor, predicted: Tensor, time: float) -> Tensor:
        """The latents (B, C, H, W) that are expected of noisy ones, for which this was predicted at a time below 1."""

    def denoise(
        self, predict: Predict, z: Tensor, steps: int, generator: torch.Generator, done: int = 0
    ) -> Iterator[Tensor]:
        """The way from noise to latents: the latents after each of so many steps, of which some are done."""


class FlowMatching:
    """Straight lines, z_t = (1 - t) z + t e, whose velocity e - z is predicted. Liu et al. 2023; Lipman et al. 2023.

    The way back follows the velocity by Heun's method, which takes two predictions a step.
    """

    def __init__(self, device: torch.device = CPU) -> None:
        """Nothing has to lie on the device."""

    def add_noise(self, z: Tensor, noise: Tensor, time: Tensor) -> NoisySample:
        """Points on the lines."""
        return NoisySample(torch.lerp(z, noise, time[:, None, None, None]), time, noise - z)

    def expected(self, z: Tensor, predicted: Tensor, time: float) -> Tensor:
        """The end of the line."""
        return z - time * predicted

    def denoise(
        self, predict: Predict, z: Tensor, steps: int, generator: torch.Generator, done: int = 0
    ) -> Iterator[Tensor]:
        """Heun's steps of equal length from time 1 to 0; deterministic."""
        for step in range(done, steps):
            time, after = 1 - step / steps, 1 - (step + 1) / steps
            velocity = predict(z, time)
            there = z + (after - time) * velocity
            z = z + (after - time) * (velocity + predict(there, after)) / 2
            yield z


class DDPM:
    """1,000 steps of a linear schedule, whose noise is predicted. Ho et al. 2020.

    The way back in all of them is theirs, random in every step; in fewer it is that of Song et al. 2021 (DDIM), which
    is deterministic.
    """

    def __init__(self, device: torch.device = CPU) -> None:
        alphas = 1 - torch.linspace(*BETAS, TIME_STEPS, dtype=torch.float64)
        self._alpha_bars: list[float] = alphas.cumprod(0).tolist()  # the latents' part of the variance at each step
        self._on_device = torch.tensor(self._alpha_bars, dtype=torch.float32, device=device)

    def add_noise(self, z: Tensor, noise: Tensor, time: Tensor) -> NoisySample:
        """Latents after the step that the time falls into."""
        step = (time * TIME_STEPS).long()
        alpha_bar = self._on_device[step][:, None, None, None]
        return NoisySample(alpha_bar.sqrt() * z + (1 - alpha_bar).sqrt() * noise, step / TIME_STEPS, noise)

    def expected(self, z: Tensor, predicted: Tensor, time: float) -> Tensor:
        """What is left without the noise. Ho et al. 2020, equation 15."""
        return _without_noise(z, predicted, self._alpha_bars[min(round(time * TIME_STEPS), TIME_STEPS - 1)])

    def denoise(
        self, predict: Predict, z: Tensor, steps: int, generator: torch.Generator, done: int = 0
    ) -> Iterator[Tensor]:
        """`steps` of the 1,000, evenly spaced. Song et al. 2021, equation 12."""
        chosen = [TIME_STEPS * (step + 1) // steps - 1 for step in range(steps)]
        for index in reversed(range(steps - done)):
            now = self._alpha_bars[chosen[index]]
            after = self._alpha_bars[chosen[index - 1]] if index else 1.0
            predicted = predict(z, chosen[index] / TIME_STEPS)
            latents = _without_noise(z, predicted, now)
            variance = (1 - after) / (1 - now) * (1 - now / after) if steps == TIME_STEPS else 0.0
            z = after**0.5 * latents + (1 - after - variance) ** 0.5 * predicted
            if variance:
                z = z + variance**0.5 * torch.randn(z.shape, generator=generator)
            yield z


SCHEDULERS: dict[str, type[FlowMatching] | type[DDPM]] = {"flow": FlowMatching, "ddpm": DDPM}


def _without_noise(z: Tensor, predicted: Tensor, alpha_bar: float) -> Tensor:
    """The latents that are left of noisy ones without the predicted noise. Ho et al. 2020, equation 15."""
    latents: Tensor = (z - (1 - alpha_bar) ** 0.5 * predicted) / alpha_bar**0.5
    return latents
