"""Whether the kernels do on this device what PyTorch's layers do: one batch compared, and the same bits twice.

`python -m core.kernels.gpu.selftest WANTED DEVICE CAPABILITY` compiles and checks, and remembers that.
"""

from __future__ import annotations

import copy
import json
import sys
from dataclasses import dataclass

import torch
from torch import Tensor

from core import files
from core.kernels.gpu.compiling import Wanted, compile_kernels, stamp
from core.kernels.gpu.denoiser.selftest import WantedNorms
from core.kernels.gpu.layers import Unfit
from core.kernels.gpu.step import TritonStep
from core.kernels.gpu.validation import TritonValidation
from core.models.autoencoder import Autoencoder, KlWeight, fold_batch_norm, loss

# Of the whole gradient. A fresh network's is badly conditioned, most where a standard deviation near zero is learned
# (`vae-post`): so it may also be a few times as far from exact as PyTorch's own layers in tf32 are.
GRADIENT_TOLERANCE = {"float32": 0.15, "bfloat16": 0.6}
TIMES_PYTORCH = {"float32": 4.0, "bfloat16": 16.0}
LOSS_TOLERANCE = {"float32": 2e-3, "bfloat16": 2e-2}
STATISTICS_TOLERANCE = {"float32": 5e-3, "bfloat16": 5e-2}
HELD_OUT_TOLERANCE = 1e-4


@dataclass(frozen=True)
class Outcome:
    """Relative errors of the loss, the gradient and the running statistics, and whether a second time gave the same.

    `pytorch` is the error of PyTorch's own gradient in tf32, where the device has that, `held_out` that of the loss of
    images that are not trained on.
    """

    loss: float
    gradient: float
    statistics: float
    pytorch: float
    held_out: float
    repeats: bool

    def complaint(self, precision: str) -> str | None:
        """What is wrong, if anything is."""
        gradient_tolerance = max(GRADIENT_TOLERANCE[precision], TIMES_PYTORCH[precision] * self.pytorch)
        for name, found, tolerance in (
            ("loss", self.loss, LOSS_TOLERANCE[precision]),
            ("gradient", self.gradient, gradient_tolerance),
            ("running statistics", self.statistics, STATISTICS_TOLERANCE[precision]),
            ("loss of held-out images", self.held_out, HELD_OUT_TOLERANCE),
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
    loss_error, gradient, statistics, pytorch = (max(error[part] for error in errors) for part in range(4))
    return Outcome(loss_error, gradient, statistics, pytorch, held_out_error(step.models[0], step.images), repeats)


@torch.no_grad()
def held_out_error(model: Autoencoder, images: Tensor) -> float:
    """The relative error of the loss that is not trained on, by running statistics and in proper float32."""
    device = images.device
    (sums,) = TritonValidation(model, images, len(images))(torch.Generator(device).manual_seed(0))
    noise = model.noise(len(images), torch.Generator(device).manual_seed(0))
    with torch.backends.cudnn.flags(enabled=True, allow_tf32=False, deterministic=True):
        x = images.unsqueeze(1).float() / 255
        parts = loss(x, *fold_batch_norm(model)(x, noise))
    return _error(sums, torch.stack([parts.reconstruction.sum(), parts.kl.sum()]))


def require(wanted: Wanted, device: torch.device | str) -> Outcome:
    """The outcome of the check. Raises Unfit if the kernels do not do what they should."""
    outcome = check(wanted, device)
    if complaint := outcome.complaint(wanted.precision):
        raise Unfit(complaint)
    return outcome


def compare(step: TritonStep, run: int, model: Autoencoder, weight: KlWeight) -> tuple[float, float, float, float]:
    """Errors of loss, gradient and statistics of a run's first step, whose model was this, and PyTorch's own."""
    count = step.plan.batch
    chosen = step.place(step.plan.chosen, count)[run]
    noise = step.place(step.plan.noise, count)[run]
    x = step.images[chosen].unsqueeze(1).float() / 255
    _, own_gradient = _pytorch(copy.deepcopy(model), x, noise, weight, tf32=True)
    sums, gradient = _pytorch(model, x, noise, weight, tf32=False)
    # From zero, the first moment is a tenth of the gradient.
    moments = step.optimizers[run].state
    found = {name: moments[own]["exp_avg"] * 10 for name, own in step.models[run].named_parameters()}
    statistics = [
        _error(own, buffer)
        for buffer, own in zip(model.buffers(), step.models[run].buffers(), strict=True)
        if buffer.is_floating_point()
    ]
    errors = _error(step.totals[run], sums), _error(_together(found), _together(gradient)), max(statistics)
    return *errors, _error(_together(own_gradient), _together(gradient))


def _pytorch(
    model: Autoencoder, x: Tensor, noise: Tensor, weight: KlWeight, *, tf32: bool
) -> tuple[Tensor, dict[str, Tensor]]:
    """The sums of the loss, and the gradients by name."""
    with torch.backends.cudnn.flags(enabled=True, allow_tf32=tf32, deterministic=True):
        parts = loss(x, *model(x, noise))
        total = parts.total(weight.given(parts.reconstruction.detach().mean()))
        total.mean().backward()
    sums = torch.stack([parts.reconstruction.sum(), parts.kl.sum()]).detach()
    return sums, {name: parameter.grad for name, parameter in model.named_parameters() if parameter.grad is not None}


def _together(gradients: dict[str, Tensor]) -> Tensor:
    """All but those of biases before a normalisation, which are exactly zero, or rounding."""
    return torch.cat([gradient.flatten() for name, gradient in gradients.items() if not name.endswith("0.bias")])


def _error(found: Tensor, wanted: Tensor) -> float:
    difference = (found.double() - wanted.double()).norm() / wanted.double().norm()
    return float(difference) if difference.isfinite() else float("inf")


def begin(device: str) -> None:
    """Set the GPU up for this process, which takes seconds."""
    torch.cuda.set_device(device)
    torch.ones(1, device=device)


def main() -> int:
    """Compile and check what the command line names; 1, with the reason as the last line, if it cannot be used."""
    given, device = json.loads(sys.argv[1]), sys.argv[2]
    wanted = WantedNorms(**given) if given["preset"] == WantedNorms.preset else Wanted(**given)
    try:
        compile_kernels([wanted], int(sys.argv[3]), meanwhile=lambda: begin(device))
        outcome = wanted.require(device) if isinstance(wanted, WantedNorms) else require(wanted, device)
    except Exception as error:  # noqa: BLE001 - whatever it meets, its caller trains without these kernels and says why
        print(" ".join((str(error) or type(error).__name__).split())[:300])
        return 1
    files.replace(stamp(wanted, device), f"{outcome}\n".encode())
    return 0


if __name__ == "__main__":
    sys.exit(main())
