"""The network of the learned prior: its prediction for noisy latents, given their time and class."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from core.shapes import LATENT_SHAPE

CHANNELS = 64
EMBEDDING = 128
GROUPS = 8
CLASSES = 10
NULL_CLASS = CLASSES  # the label of latents without a class
FREQUENCIES = 64
LONGEST_WAVE = 10_000.0
# Time runs from 0 to 1; the embedding was designed for step numbers up to 1,000.
TIME_STEPS = 1000


class Denoiser(nn.Module):
    """A small U-Net on latents (B, C, h, w), of two levels. Ronneberger et al. 2015; Ho et al. 2020, appendix B.

    The class is one of ten, or NULL_CLASS; `class_shares` (10,) holds their frequencies in training. The last layer
    is initialised to zero.
    """

    def __init__(
        self,
        latent_shape: tuple[int, int, int] = LATENT_SHAPE,
        channels: int = CHANNELS,
        embedding: int = EMBEDDING,
    ) -> None:
        super().__init__()
        self.latent_shape = latent_shape
        wide = 2 * channels
        self.latent_scale = 1.0  # by which latents of the first stage were multiplied
        self.class_shares: Tensor
        self.register_buffer("class_shares", torch.full((CLASSES,), 1 / CLASSES))
        self.time = nn.Sequential(nn.Linear(2 * FREQUENCIES, embedding), nn.SiLU(), nn.Linear(embedding, embedding))
        self.label = nn.Embedding(CLASSES + 1, embedding)
        self.enter = nn.Conv2d(latent_shape[0], channels, 3, padding=1)
        self.fine_in = ResidualBlock(channels, channels, embedding)
        self.down = nn.Conv2d(channels, wide, 3, stride=2, padding=1)
        self.coarse = nn.ModuleList(ResidualBlock(wide, wide, embedding) for _ in range(2))
        self.up = nn.Conv2d(wide, channels, 3, padding=1)
        self.fine_out = nn.ModuleList(
            [ResidualBlock(2 * channels, channels, embedding), ResidualBlock(channels, channels, embedding)]
        )
        self.leave = nn.Sequential(
            nn.GroupNorm(GROUPS, channels), nn.SiLU(), nn.Conv2d(channels, latent_shape[0], 3, padding=1)
        )
        last = self.leave[-1]
        assert isinstance(last, nn.Conv2d)
        nn.init.zeros_(last.weight)
        assert last.bias is not None
        nn.init.zeros_(last.bias)

    def forward(self, z: Tensor, time: Tensor, label: Tensor) -> Tensor:
        """(B, C, h, w) of noisy latents (B, C, h, w), times (B,) from 0 to 1 and labels (B,)."""
        condition = self.time(timestep_embedding(time)) + self.label(label)
        fine = self.fine_in(self.enter(z), condition)
        coarse = self.down(fine)
        for block in self.coarse:
            coarse = block(coarse, condition)
        y = torch.cat([self.up(functional.interpolate(coarse, size=fine.shape[2:])), fine], dim=1)
        for block in self.fine_out:
            y = block(y, condition)
        result: Tensor = self.leave(y)
        return result


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions beside a way around them; the condition scales and shifts what lies between.

    Dhariwal & Nichol 2021, section 3 (adaptive group normalisation).
    """

    def __init__(self, channels_in: int, channels_out: int, embedding: int) -> None:
        super().__init__()
        self.before = nn.Sequential(
            nn.GroupNorm(GROUPS, channels_in), nn.SiLU(), nn.Conv2d(channels_in, channels_out, 3, padding=1)
        )
        self.norm = nn.GroupNorm(GROUPS, channels_out)
        self.condition = nn.Sequential(nn.SiLU(), nn.Linear(embedding, 2 * channels_out))
        self.after = nn.Sequential(nn.SiLU(), nn.Conv2d(channels_out, channels_out, 3, padding=1))
        self.around = nn.Conv2d(channels_in, channels_out, 1) if channels_in != channels_out else nn.Identity()

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """(B, channels_out, S, S) of (B, channels_in, S, S) and conditions (B, embedding)."""
        scale, shift = self.condition(condition)[:, :, None, None].chunk(2, dim=1)
        result: Tensor = self.around(x) + self.after(self.norm(self.before(x)) * (1 + scale) + shift)
        return result


def timestep_embedding(time: Tensor) -> Tensor:
    """Sines and cosines (B, 128) of times (B,) from 0 to 1. Vaswani et al. 2017, section 3.5."""
    exponents = torch.arange(FREQUENCIES, device=time.device) / FREQUENCIES
    angles = TIME_STEPS * time[:, None] * torch.exp(-math.log(LONGEST_WAVE) * exponents)
    return torch.cat([angles.sin(), angles.cos()], dim=1)
