"""From latents to noise in time, which a denoiser learns to undo, and the way back step by step."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from core.models.denoiser import TIME_STEPS

# What is to be predicted, (B, ...), of latents (B, ...) at one time from 0 (latents) to 1 (noise).
Predict = Callable[[Tensor, float], Tensor]
BETAS = (1e-4, 0.02)
CPU = torch.device("cpu")


@dataclass(frozen=True, eq=False)
class NoisySample:
    """Latents on their way to noise (B, C, H, W), their times (B,), and what is to be predicted of them."""

    latents: Tensor
    time: Tensor
    target: Tensor


class NoiseScheduler(Protocol):
    """A way from latents to noise, for latents on one device."""

    def noisy(self, z: Tensor, noise: Tensor, time: Tensor) -> NoisySample:
        """Where latents (B, C, H, W) are at times (B,), uniform in [0, 1), on their way to this noise."""

    def walk(self, predict: Predict, noise: Tensor, steps: int, generator: torch.Generator) -> Iterator[Tensor]:
        """The way from noise to latents in so many steps: where they are after each."""


class FlowMatching:
    """Straight lines, z_t = (1 - t) z + t e, whose velocity e - z is predicted. Liu et al. 2023; Lipman et al. 2023.

    The way back follows the velocity by Heun's method, which asks for two predictions a step.
    """

    def __init__(self, device: torch.device = CPU) -> None:
        """Nothing has to lie on the device."""

    def noisy(self, z: Tensor, noise: Tensor, time: Tensor) -> NoisySample:
        """Points on the lines."""
        share = time[:, None, None, None]
        return NoisySample(torch.lerp(z, noise, share), time, noise - z)

    def walk(self, predict: Predict, noise: Tensor, steps: int, generator: torch.Generator) -> Iterator[Tensor]:
        """Heun's steps of equal length from time 1 to 0; nothing random in them."""
        z = noise
        for step in range(steps):
            time, after = 1 - step / steps, 1 - (step + 1) / steps
            velocity = predict(z, time)
            there = z + (after - time) * velocity
            z = z + (after - time) * (velocity + predict(there, after)) / 2
            yield z


class DDPM:
    """1,000 steps of a linear schedule, whose noise is predicted. Ho et al. 2020.

    The way back in all of them is theirs, random in every step; in fewer it is that of Song et al. 2021 (DDIM), which
    is not.
    """

    def __init__(self, device: torch.device = CPU) -> None:
        kept = 1 - torch.linspace(*BETAS, TIME_STEPS, dtype=torch.float64)
        self._signal: list[float] = kept.cumprod(0).tolist()  # share of the variance that is still the latents'
        self._signals = torch.tensor(self._signal, dtype=torch.float32, device=device)

    def noisy(self, z: Tensor, noise: Tensor, time: Tensor) -> NoisySample:
        """Latents after a number of steps drawn by the time."""
        step = (time * TIME_STEPS).long()
        signal = self._signals[step][:, None, None, None]
        return NoisySample(signal.sqrt() * z + (1 - signal).sqrt() * noise, step / TIME_STEPS, noise)

    def walk(self, predict: Predict, noise: Tensor, steps: int, generator: torch.Generator) -> Iterator[Tensor]:
        """The way back in `steps` of the 1,000, evenly spaced. Song et al. 2021, equation 12."""
        z = noise
        chosen = [TIME_STEPS * (step + 1) // steps - 1 for step in range(steps)]
        for index in reversed(range(steps)):
            now = self._signal[chosen[index]]
            after = self._signal[chosen[index - 1]] if index else 1.0
            of_noise = predict(z, chosen[index] / TIME_STEPS)
            latents = (z - (1 - now) ** 0.5 * of_noise) / now**0.5
            fresh = (1 - after) / (1 - now) * (1 - now / after) if steps == TIME_STEPS else 0.0
            z = after**0.5 * latents + (1 - after - fresh) ** 0.5 * of_noise
            if fresh:
                z = z + fresh**0.5 * torch.randn(z.shape, generator=generator)
            yield z


SCHEDULERS: dict[str, type[FlowMatching] | type[DDPM]] = {"flow": FlowMatching, "ddpm": DDPM}
