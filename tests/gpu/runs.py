"""Training steps on made-up digits, and PyTorch's own of the same: what the checks and measurements are made of."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from dataclasses import asdict, dataclass

import torch
from torch import Tensor
from torch.nn import functional

from core.data.images import load_image_set
from core.kernels.gpu.compiling import Wanted, capability, stamp, use_cache
from core.kernels.gpu.denoiser.selftest import WantedNorms
from core.kernels.gpu.step import TritonStep
from core.kernels.gpu.tiles import Tiles
from core.models.autoencoder import MODELS, Autoencoder, KlWeight, loss

EXAMPLES = 1024


@dataclass(frozen=True)
class Truth:
    """The loss of a step by PyTorch's own layers: sums of its parts, gradients by name, and buffers afterwards."""

    reconstruction: float
    kl: float
    gradients: dict[str, Tensor]
    buffers: dict[str, Tensor]


def blobs(count: int, device: str | torch.device, seed: int = 9) -> Tensor:
    """Smooth images uint8 (count, 32, 32) with an empty border, as digits have."""
    generator = torch.Generator().manual_seed(seed)
    coarse = functional.pad(torch.rand(count, 1, 6, 6, generator=generator), (1, 1, 1, 1))
    fine = functional.interpolate(coarse, scale_factor=4, mode="bilinear")[:, 0]
    return ((fine - 0.2).clamp(0, 0.8) / 0.8 * 255).to(torch.uint8).to(device)


def make_models(preset: str, runs: int, device: str | torch.device, roughened: float = 0.2) -> list[Autoencoder]:
    """Models of different seeds, whose normalisations and biases are not as fresh ones are."""
    models = []
    for run in range(runs):
        torch.manual_seed(run)
        model = MODELS[preset]()
        with torch.no_grad():
            for parameter in model.parameters():
                if parameter.ndim == 1:
                    parameter.add_(torch.randn_like(parameter) * roughened)
            for name, buffer in model.named_buffers():
                if name.endswith("running_mean"):
                    buffer.add_(torch.randn_like(buffer) * roughened)
                elif name.endswith("running_var"):
                    buffer.mul_(torch.exp(torch.randn_like(buffer) * roughened))
        models.append(model.to(device).train())
    return models


def make_step(
    preset: str,
    runs: int,
    batch: int,
    precision: str = "float32",
    device: str | torch.device = "cpu",
    *,
    examples: int = EXAMPLES,
    optimal: bool = False,
    roughened: float = 0.2,
    tiles: Tiles | None = None,
) -> TritonStep:
    """A step that trains `runs` models, each with its own weights, noise, learning rate and weight of the KL."""
    models = make_models(preset, runs, device, roughened)
    optimizers = []
    for run, model in enumerate(models):
        rate = torch.tensor(1e-3 * (1 + run / 4), device=device)
        captured = torch.device(device).type == "cuda"
        optimizers.append(torch.optim.Adam(model.parameters(), lr=rate, capturable=captured, fused=True))
    generators = [torch.Generator(device).manual_seed(run) for run in range(runs)]
    weights = [KlWeight(0.4 + run / 10, optimal) for run in range(runs)]
    images = blobs(examples, device)
    return TritonStep(models, optimizers, generators, images, weights, batch, precision, tiles)


def truth(model: Autoencoder, images: Tensor, chosen: Tensor, noise: Tensor, weight: KlWeight) -> Truth:
    """What PyTorch makes of a step on a copy of the model, in the precision of the model's weights."""
    model = copy.deepcopy(model).train()
    kind = next(model.parameters()).dtype
    x = images[chosen].unsqueeze(1).to(kind) / 255
    parts = loss(x, *model(x, noise.to(kind)))
    total = parts.total(weight.given(parts.reconstruction.detach().mean()))
    total.mean().backward()
    gradients = {name: p.grad for name, p in model.named_parameters() if p.grad is not None}
    return Truth(parts.reconstruction.sum().item(), parts.kl.sum().item(), gradients, dict(model.named_buffers()))


def wanted_of(dataset: str, batch: int) -> Wanted:
    """What runs of `vae` want."""
    return Wanted("vae", batch, "float32", rest=len(load_image_set(dataset).train_images) % batch)


def prepare(wanted: Wanted | WantedNorms, device: str) -> None:
    """Have kernels compiled and checked, so that they do the first step."""
    use_cache()
    if not stamp(wanted, device).exists():
        given = json.dumps(asdict(wanted)), device, str(capability(device))
        subprocess.run([sys.executable, "-m", "core.kernels.gpu.selftest", *given], check=True)
