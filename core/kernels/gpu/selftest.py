"""Whether the kernels do on this device what PyTorch's layers do: one batch compared, and the same bits twice."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import torch
from torch import Tensor

from core.kernels.gpu.compiling import Wanted
from core.kernels.gpu.layers import Unfit
from core.kernels.gpu.step import TritonStep
from core.models.autoencoder import Autoencoder, KlWeight, loss

# Of the whole gradient; a fresh network's is so badly conditioned that PyTorch's own tf32 is 0.03 to 0.07 away from exact.
GRADIENT_TOLERANCE = {"float32": 0.15, "bfloat16": 0.6}
LOSS_TOLERANCE = {"float32": 2e-3, "bfloat16": 2e-2}
STATISTICS_TOLERANCE = {"float32": 5e-3, "bfloat16": 5e-2}


@dataclass(frozen=True)
class Outcome:
    """Relative errors of the loss, the gradient and the running statistics, and whether a second time gave the same."""

    loss: float
    gradient: float
    statistics: float
    repeats: bool

    def complaint(self, precision: str) -> str | None:
        """What is wrong, if anything is."""
        for name, found, tolerance in (
            ("loss", self.loss, LOSS_TOLERANCE[precision]),
            ("gradient", self.gradient, GRADIENT_TOLERANCE[precision]),
            ("running statistics", self.statistics, STATISTICS_TOLERANCE[precision]),
        ):
            if not found <= tolerance:
                return f"the kernels' {name} is off by {found:.2g}, which may be {tolerance:g}"
        return None if self.repeats else "the kernels do not give the same bits twice"


def check(wanted: Wanted, device: torch.device | str, seed: int = 0) -> Outcome:
    """Compare a step with PyTorch's float32 on the device, on fresh models and random images. Raises Unfit."""
    step = wanted.fresh_step(device, seed, examples=wanted.batch)
    before = [tensor.clone() for tensor in step.changing()]
    step.plan.chosen.copy_(torch.arange(wanted.batch))
    step.draw(wanted.batch)
    models = [copy.deepcopy(model) for model in step.models]
    step.run(wanted.batch)
    first = [tensor.clone() for tensor in step.changing()]
    errors = [compare(step, run, models[run], step.kl_weights[run]) for run in range(len(models))]
    for tensor, value in zip(step.changing(), before, strict=True):
        tensor.copy_(value)
    step.run(wanted.batch)
    repeats = all(torch.equal(one, other) for one, other in zip(step.changing(), first, strict=True))
    worst = [max(error[part] for error in errors) for part in range(3)]
    return Outcome(*worst, repeats)


def require(wanted: Wanted, device: torch.device | str) -> Outcome:
    """The outcome of the check. Raises Unfit if the kernels do not do what they should."""
    outcome = check(wanted, device)
    if complaint := outcome.complaint(wanted.precision):
        raise Unfit(complaint)
    return outcome


def compare(step: TritonStep, run: int, model: Autoencoder, weight: KlWeight) -> tuple[float, float, float]:
    """Errors of loss, gradient and running statistics of the first step of a run, whose model was this before it."""
    count = step.plan.batch
    chosen = step.place(step.plan.chosen, count)[run]
    noise = step.place(step.plan.noise, count)[run]
    x = step.images[chosen].unsqueeze(1).float() / 255
    with torch.backends.cudnn.flags(enabled=True, allow_tf32=False, deterministic=True):
        parts = loss(x, *model(x, noise))
        total = parts.total(weight.given(parts.reconstruction.detach().mean()))
        total.mean().backward()
    sums = torch.stack([parts.reconstruction.sum(), parts.kl.sum()]).detach().double()
    wanted, found = [], []
    for (name, parameter), own in zip(model.named_parameters(), step.models[run].parameters(), strict=True):
        assert parameter.grad is not None
        if not name.endswith("0.bias"):  # before a normalisation: exactly zero, or rounding
            wanted.append(parameter.grad.flatten())
            # From zero, the first moment is a tenth of the gradient.
            found.append(step.optimizers[run].state[own]["exp_avg"].flatten() * 10)
    statistics = [
        _error(own, buffer)
        for (_, buffer), own in zip(model.named_buffers(), step.models[run].buffers(), strict=True)
        if buffer.is_floating_point()
    ]
    return _error(step.totals[run], sums), _error(torch.cat(found), torch.cat(wanted)), max(statistics)


def _error(found: Tensor, wanted: Tensor) -> float:
    difference = (found.double() - wanted.double()).norm() / wanted.double().norm()
    return float(difference) if difference.isfinite() else float("inf")
