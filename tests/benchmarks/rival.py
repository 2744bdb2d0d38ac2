"""The post's training loop as anyone would type it in PyTorch: what our training is measured against.

Eager, float32, PyTorch's default layout, the loss read after every step; the images lie in memory as floats.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from core.models.autoencoder import MODELS


def train(preset: str, images: Tensor, seed: int, batch_size: int = 128) -> Iterator[torch.nn.Module]:
    """Train on images (N, 1, 32, 32) in [0, 1] without end; the model after every step."""
    torch.manual_seed(seed)
    model = MODELS[preset]().to(images.device)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    losses = []
    while True:
        order = torch.randperm(len(images), device=images.device)
        for chosen in order.split(batch_size):
            x = images[chosen]
            posterior = model.encode(x)
            reconstruction = model.decode(posterior.sample())
            loss = ((reconstruction - x) ** 2).sum(dim=(1, 2, 3)).mean() + posterior.kl().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.detach().cpu().item())
            yield model
