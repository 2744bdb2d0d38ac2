"""Priors on a GPU: whether the kernels of their network are right, and how long a step takes with and without them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import torch

from core.data.images import load_image_set
from core.kernels.gpu.denoiser.selftest import WantedNorms, check
from core.models.autoencoder import MODELS
from core.models.denoiser import Denoiser
from core.runs.config import make_config
from core.runs.first_stage import first_stage_settings
from core.runs.run import Run
from core.training.distributed import ALONE
from core.training.latent_objective import LatentObjective
from core.training.methods.denoising import DenoisingStep
from core.training.methods.training import Training
from core.training.step import CudaRecorder, Recorder, ScheduledAdam, TrainingStep
from core.training.totals import RunningTotals
from tests.gpu.checks import BATCH, SHORT, Result, same_end, train
from tests.gpu.runs import prepare
from tests.gpu.timings import Figure, microseconds

SETTINGS = {"preset": "prior", "first_stage": "fresh", "first_stage_preset": "vae", "dataset": "mnist-5k"}


class NoRecorder:
    """Does the work that it should record, where there is no GPU."""

    def warm_up(self, work: Callable[[], None]) -> None:
        """Do it."""
        work()

    def record(self, work: Callable[[], None], generator: torch.Generator) -> Callable[[], None]:
        """The work itself."""
        return work


def are_right(
    device: str, batch: int = BATCH, precisions: tuple[str, ...] = ("float32", "bfloat16")
) -> Iterator[Result]:
    """Loss and gradient of the network against PyTorch's float32 on the device, and the same bits twice."""
    for precision in precisions:
        outcome = check(precision, device, batch)
        complaint = outcome.complaint(precision)
        yield Result(f"self-test prior {precision}", complaint is None, complaint or str(outcome))


def make_training(device: str, batch: int) -> Training:
    """A prior on latents of a fresh first stage."""
    place = torch.device(device)
    config = make_config(**SETTINGS, batch_size=batch, device=device)
    first = MODELS["vae"]().eval().requires_grad_(False)
    first.latent_scale = 1.0
    objective = LatentObjective(config, load_image_set("mnist-5k"), first, Denoiser(first.latent_shape), place)
    optimizer = ScheduledAdam(objective.model, "constant", 1e-3, capturable=place.type == "cuda")
    generator = torch.Generator(place).manual_seed(1)
    return Training(objective, optimizer, generator, RunningTotals(place), ALONE, config, place)


def steps(device: str, count: int, batch: int = BATCH, rounds: int = 5) -> Iterator[Figure]:
    """The recorded step by PyTorch's layers, and with the kernels."""
    recorder: Recorder = NoRecorder() if device == "cpu" else CudaRecorder(torch.device(device))
    indices = torch.arange(batch, device=device)
    times = {}
    for kind in ("PyTorch's layers", "kernels"):
        training = make_training(device, batch)
        if kind == "kernels":
            step: Callable[[torch.Tensor], None] = DenoisingStep(training, WantedNorms(), recorder)
        else:
            step = TrainingStep(
                training.objective, training.objective.model, training.optimizer, training.generator, training.totals,
                ALONE,
            ).recorded(recorder)  # fmt: skip
        for _ in range(3):
            step(indices)
        times[kind] = microseconds(lambda: step(indices), device, count, rounds)  # noqa: B023
        yield Figure(f"prior, float32, {kind}", times[kind], "us a step")
    yield Figure(
        "prior, float32, kernels against layers", times["PyTorch's layers"] / times["kernels"], "times as fast"
    )


def killed_and_resumed(folder: Path, device: str) -> Result:
    """Killed in the middle of an epoch and gone on with, a prior ends as one that was left alone."""
    first = Run.create(folder, "first-stage", make_config(**SHORT, preset="vae", epochs=1, device=device))
    train(first)
    if device != "cpu":
        prepare(WantedNorms(), device)
    config = make_config(**first_stage_settings(first) | SHORT, preset="prior", epochs=3, device=device, seed=3)
    whole, killed = (Run.create(folder, f"prior-{name}", config, first.read_weights()) for name in ("whole", "killed"))
    return same_end(whole, killed, "prior")
