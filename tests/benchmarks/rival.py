"""The post's training loop as anyone would type it in PyTorch: what our training is measured against.

Eager, float32, PyTorch's default layout, the loss read after every step; the images lie in memory as floats. Where the
likelihood is Bernoulli pixels are drawn in each step, and the error is the cross-entropy.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from core.models.autoencoder import MODELS
from core.models.likelihood import Likelihood


def train(
    preset: str, images: Tensor, seed: int, batch_size: int = 128, likelihood: Likelihood = Likelihood.GAUSSIAN
) -> Iterator[torch.nn.Module]:
    """Train on images (N, 1, 32, 32) in [0, 1] without end; the model after every step."""
    torch.manual_seed(seed)
    model = MODELS[preset]().to(images.device)
    model.likelihood = likelihood
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    losses = []
    while True:
        order = torch.randperm(len(images), device=images.device)
        for chosen in order.split(batch_size):
            x = images[chosen] if likelihood is Likelihood.GAUSSIAN else torch.bernoulli(images[chosen])
            posterior = model.encode(x)
            output = model.output(posterior.sample())
            loss = likelihood.error(x, output).mean() + posterior.kl().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.detach().cpu().item())
            yield model
