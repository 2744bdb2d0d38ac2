"""An autoencoder that vae-tui exported, in one file that needs PyTorch only.

    model = load("model.safetensors")
    posterior_mean, log_variance = model.encode(images)             # images (B, 1, 32, 32) in [0, 1]
    images = model.decode(torch.randn(16, *model.latent_shape))     # not clipped to [0, 1]

Images of 28x28 pixels have a border of two black pixels on each side.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor, nn

TYPES = {"F32": torch.float32, "I64": torch.int64}


def block(channels_in: int, channels_out: int) -> nn.Sequential:
    """A convolution that keeps the size, batch normalisation, leaky ReLU."""
    convolution = nn.Conv2d(channels_in, channels_out, 3, padding="same")
    return nn.Sequential(convolution, nn.BatchNorm2d(channels_out), nn.LeakyReLU())


def encoder(*features: int) -> nn.Sequential:
    """Levels of two blocks; each after the first halves the size."""
    levels = []
    for level, (channels_in, channels_out) in enumerate(pairwise(features)):
        smaller = [nn.MaxPool2d(2)] if level else []
        levels.append(nn.Sequential(*smaller, block(channels_in, channels_out), block(channels_out, channels_out)))
    return nn.Sequential(*levels)


def decoder(*features: int) -> nn.Sequential:
    """Levels of two blocks, the last of which ends in a 1x1 convolution; each after the first doubles the size."""
    levels = []
    for level, (channels_in, channels_out) in enumerate(pairwise(features)):
        larger = [nn.Upsample(scale_factor=2, mode="nearest"), block(channels_in, channels_in)] if level else []
        is_last = level == len(features) - 2
        end = nn.Conv2d(channels_in, channels_out, 1) if is_last else block(channels_in, channels_out)
        levels.append(nn.Sequential(*larger, block(channels_in, channels_in), end))
    return nn.Sequential(*levels)


class Autoencoder(nn.Module):
    """`preset` is ae (a latent is a point), vae-post (mean and deviation leave a leaky ReLU) or vae."""

    def __init__(self, preset: str, features: Sequence[int], latent_channels: int) -> None:
        super().__init__()
        channels = latent_channels if preset == "ae" else 2 * latent_channels
        self.encoder = encoder(*features, channels)
        self.decoder = decoder(latent_channels, *reversed(features))
        side = 32 >> (len(features) - 1)
        self.latent_shape = latent_channels, side, side
        if preset == "vae":
            self.head = nn.Conv2d(channels, channels, 1)
        self.preset = preset
        self.likelihood = "gaussian"  # or bernoulli
        self.latent_scale = math.nan  # 1 / standard deviation of latents over the training set

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor | None]:
        """Mean and log-variance of the posterior, (B, C, h, w) each; the latter None where the latent is a point."""
        h = self.encoder(x)
        if self.preset == "ae":
            return h, None
        if self.preset == "vae-post":
            mean, deviation = h.chunk(2, dim=1)
            return mean, deviation.square().clamp(min=1e-6).log()
        mean, log_variance = self.head(h).chunk(2, dim=1)
        return mean, log_variance.clamp(-30.0, 20.0)

    def decode(self, z: Tensor) -> Tensor:
        """Images (B, 1, 32, 32) of latents (B, C, h, w)."""
        images: Tensor = self.decoder(z)
        if self.likelihood == "bernoulli":  # probabilities of the pixels inside the border
            images = nn.functional.pad(torch.sigmoid(images[..., 2:-2, 2:-2]), (2, 2, 2, 2))
        return images

    def forward(self, x: Tensor) -> Tensor:
        """Reconstructions, from posterior samples where the latent is no point."""
        mean, log_variance = self.encode(x)
        if log_variance is not None:
            mean = mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean)
        return self.decode(mean)


def load(path: str | Path) -> Autoencoder:
    """The model in evaluation mode, on the CPU."""
    tensors, metadata = read_safetensors(Path(path))
    model = Autoencoder(metadata["preset"], *sizes_of(tensors))
    model.latent_scale = float(metadata.get("latent_scale", "nan"))
    model.likelihood = metadata.get("likelihood", "gaussian")
    model.load_state_dict(tensors)
    return model.eval()


def sizes_of(tensors: dict[str, Tensor]) -> tuple[list[int], int]:
    """The channels of the image and of each level, and those of the latent."""
    levels = [f"encoder.{level}.{min(level, 1)}.0.weight" for level in range(len(tensors))]
    features = [tensors[name].shape[1] for name in levels if name in tensors]
    return features, tensors["decoder.0.0.0.weight"].shape[1]


def read_safetensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors by name, and what is said of them. The file is a length, a header of JSON, and numbers."""
    content = path.read_bytes()
    start = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:start])
    metadata = header.pop("__metadata__", {})
    tensors = {}
    for name, entry in header.items():
        part = bytearray(content[slice(*(start + place for place in entry["data_offsets"]))])
        tensors[name] = torch.frombuffer(part, dtype=TYPES[entry["dtype"]]).view(entry["shape"])
    return tensors, metadata
