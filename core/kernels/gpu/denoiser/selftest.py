"""Which kernels a denoiser needs, and whether with them it does on a device what PyTorch's layers do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from core.kernels.gpu.denoiser.network import fast
from core.kernels.gpu.denoiser.norms import backward_launch, forward_launch
from core.kernels.gpu.launches.forward import Launch
from core.kernels.gpu.layers import Unfit
from core.models.denoiser import CHANNELS, CLASSES, GROUPS, Denoiser

BATCH = 128
# Channels, pixels on a side, and whether a condition scales and shifts: the normalisations of the network.
NORMS = [(CHANNELS, 4, False), (2 * CHANNELS, 4, False), (2 * CHANNELS, 2, False), (CHANNELS, 4, True),
         (2 * CHANNELS, 2, True)]  # fmt: skip
# Relative; the gradient may also be a few times as far from exact as PyTorch's own in tf32 is.
LOSS_TOLERANCE = {"float32": 2e-3, "bfloat16": 2e-2}
GRADIENT_TOLERANCE = {"float32": 1e-2, "bfloat16": 0.1}
TIMES_PYTORCH = 4.0


@dataclass(frozen=True)
class Outcome:
    """Relative errors of loss and gradient, that of PyTorch's own gradient, and whether a second time gave the same."""

    loss: float
    gradient: float
    pytorch: float
    repeats: bool

    def complaint(self, precision: str) -> str | None:
        """What is wrong, if anything is."""
        tolerance = max(GRADIENT_TOLERANCE[precision], TIMES_PYTORCH * self.pytorch)
        for name, found, most in (
            ("loss", self.loss, LOSS_TOLERANCE[precision]),
            ("gradient", self.gradient, tolerance),
        ):
            if not found <= most:
                return f"the kernels' {name} is off by {found:.2g}, which may be {most:g}"
        return None if self.repeats else "the kernels do not give the same bits twice"


@dataclass(frozen=True)
class WantedNorms:
    """What decides about the kernels of a denoiser."""

    precision: str = "float32"
    preset: str = "prior"

    def launches(self) -> Iterator[Launch]:
        """One of each kernel, of tensors on the CPU."""
        low = torch.bfloat16 if self.precision == "bfloat16" else torch.float32
        for channels, side, modulated in NORMS:
            x = torch.zeros(1, channels, side, side, dtype=low).to(memory_format=torch.channels_last)
            weight, parameters = torch.zeros(channels), torch.zeros(1, 2, channels)
            modulation = torch.zeros(1, 2 * channels, dtype=low) if modulated else None
            yield backward_launch(x, weight, weight, modulation, x, x, parameters, modulation, GROUPS)
            yield forward_launch(x, weight, weight, modulation, x, GROUPS)

    def require(self, device: torch.device | str) -> Outcome:
        """The outcome of the check. Raises Unfit if the kernels do not do what they should."""
        outcome = check(self.precision, device)
        if complaint := outcome.complaint(self.precision):
            raise Unfit(complaint)
        return outcome


def check(precision: str, device: torch.device | str, batch: int = BATCH, seed: int = 0) -> Outcome:
    """Compare loss and gradient of a network, whose weights are random, with PyTorch's float32 on the device."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = Denoiser()
        with torch.no_grad():  # what is initialised to zeros or ones would hide errors
            for parameter in (*model.leave.parameters(), *(each for each in model.parameters() if each.ndim == 1)):
                parameter.add_(torch.randn_like(parameter) * 0.2)
        drawn = torch.randn(2, batch, *model.latent_shape), torch.rand(batch), torch.randint(CLASSES + 1, (batch,))
    model = model.to(device).to(memory_format=torch.channels_last)
    (z, target), time, label = (part.to(device) for part in drawn)
    low = precision == "bfloat16"
    given = z, time, label
    wanted = _gradient(model, model, given, target, low=False, tf32=False)
    own = _gradient(model, model, given, target, low=low, tf32=True)
    first, second = (_gradient(model, fast(model), given, target, low=low, tf32=True) for _ in range(2))
    return Outcome(
        loss=_error(first[:1], wanted[:1]), gradient=_error(first[1:], wanted[1:]),
        pytorch=_error(own[1:], wanted[1:]), repeats=torch.equal(first, second),
    )  # fmt: skip


def _gradient(
    model: nn.Module, forward: nn.Module, given: tuple[Tensor, ...], target: Tensor, *, low: bool, tf32: bool
) -> Tensor:
    """The loss, and behind it the whole gradient of the model's parameters."""
    model.zero_grad()
    with torch.backends.cudnn.flags(enabled=True, allow_tf32=tf32, deterministic=True):
        with torch.autocast(target.device.type, torch.bfloat16, enabled=low, cache_enabled=False):
            predicted = forward(*given)
        error = (predicted.float() - target).square().sum() / len(target)
        error.backward()
    gradients = [parameter.grad for parameter in model.parameters() if parameter.grad is not None]
    return torch.cat([error.detach().view(1), *(gradient.reshape(-1) for gradient in gradients)])


def _error(found: Tensor, wanted: Tensor) -> float:
    difference = (found.double() - wanted.double()).norm() / wanted.double().norm()
    return float(difference) if difference.isfinite() else float("inf")
