"""A step in Triton kernels, on a GPU: compiled and checked by a process of its own while training has begun."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import weakref
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from core import program
from core.kernels.compiler import Unavailable
from core.models.likelihood import Likelihood
from core.training.latent_objective import LatentObjective
from core.training.methods.denoising import DenoisingStep, wanted_norms
from core.training.methods.shared import SharedStep
from core.training.methods.training import MARK, Training
from core.training.methods.usual import unusual
from core.training.objectives import VALIDATION_BATCH_GPU, ImageObjective

if TYPE_CHECKING:
    from core.kernels.gpu.compiling import Wanted
    from core.kernels.gpu.denoiser.selftest import WantedNorms
    from core.training.step import Recorder

MARKED = "triton "  # and the numbers between the layers, and the tilings where they are the narrow ones
NARROW_TILES = "narrow"


class Preparation:
    """Compiles and checks kernels in a process of its own, unless this machine has done it before."""

    def __init__(self, wanted: Wanted | WantedNorms, device: torch.device) -> None:
        self._process = _start(wanted, device)
        self._said = ""
        if self._process is not None:
            weakref.finalize(self, _end, self._process)

    @property
    def done(self) -> bool:
        """Whether the kernels can be used. Raises Unavailable if they cannot be compiled, or are wrong."""
        if self._process is None:
            return True
        if (status := self._process.poll()) is None:
            return False
        if status:
            assert self._process.stdout is not None
            self._said = self._said or self._process.stdout.read().strip()
            lines = self._said.splitlines()
            raise Unavailable(lines[-1] if lines else f"compiling them ended with status {status}")
        return True

    def wait(self) -> None:
        """Return once it is done. Raises Unavailable."""
        if self._process is not None:
            self._process.wait()
        assert self.done


class Kernels:
    """The kernels for a training, which are ready at once where this machine has used them before.

    They are those that `mark` names, if that is given, unless the GPU has no room for their tilings. `shared` is the
    step that several trainings share. Raises Unavailable with the reason where there are none for this training or
    machine.
    """

    def __init__(self, training: Training, mark: str | None, shared: SharedStep | None = None) -> None:
        self._training, self._shared = training, shared
        self._wanted = _wanted(training, mark)
        prepared = {} if shared is None else shared.preparations
        key = self._wanted, training.device
        if key not in prepared:
            prepared[key] = Preparation(*key)
        self._preparation = prepared[key]

    @property
    def mark(self) -> str:
        """What a state says whose steps they did."""
        return _mark_of(self._wanted)

    @property
    def ready(self) -> bool:
        """Whether `step` need not wait. Raises Unavailable if the kernels cannot be compiled, or are wrong."""
        return self._preparation.done

    def step(self, recorder: Recorder) -> KernelStep | DenoisingStep:
        """What does the steps from now on. Raises Unavailable, or what PyTorch and Triton raise without memory."""
        from core.kernels.gpu.compiling import Wanted

        self._preparation.wait()
        training, wanted = self._training, self._wanted
        step: KernelStep | DenoisingStep
        if isinstance(wanted, Wanted):
            step = KernelStep(training, wanted, self._shared)
        else:
            step = DenoisingStep(training, wanted, recorder)
        training.optimizer.param_groups[0][MARK] = self.mark
        return step


class KernelStep:
    """Does what `TrainingStep` does with other bits, which the optimizer's state says.

    Model, optimizer and totals keep their tensors in its memory from then on. Where several trainings share a step,
    `batch` waits for that step.
    """

    def __init__(self, training: Training, wanted: Wanted, shared: SharedStep | None) -> None:
        assert isinstance(training.objective, ImageObjective)
        self.training, self.objective, self.wanted = training, training.objective, wanted
        self.batch: Tensor | None = None
        self.squares: Tensor | None = None  # of the last gradient's numbers, added up in parts; once it has a step
        self.validate = make_validation(self.objective)
        self._alone = SharedStep() if shared is None else None
        if self._alone is not None:
            step = self._alone.gather([self])
            for size in wanted.sizes:
                step.record(size)
        self.method = f"Triton kernels, {wanted.precision}"

    def __call__(self, indices: Tensor) -> None:
        """Do the step, or give the batch to the one that is shared."""
        self.batch = indices
        if self._alone is not None:
            self._alone.launch([self])


def make_validation(objective: ImageObjective) -> Callable[[torch.Generator], Iterator[Tensor]]:
    """What validates in kernels, as `Objective.validate` does. Raises what PyTorch and Triton raise without memory."""
    from core.kernels.gpu.validation import TritonValidation

    validation = TritonValidation(objective.model, objective.images.validation_images, VALIDATION_BATCH_GPU)
    validation.record()
    return validation


def _mark_of(wanted: Wanted | WantedNorms) -> str:
    from core.kernels.gpu.compiling import Wanted
    from core.kernels.gpu.tiles import NARROW

    is_narrow = isinstance(wanted, Wanted) and wanted.room == NARROW
    return f"{MARKED}{wanted.precision}" + f" {NARROW_TILES}" * is_narrow


def _wanted(training: Training, mark: str | None) -> Wanted | WantedNorms:
    objective = training.objective
    asked, *tilings = (mark or training.config.precision).removeprefix(MARKED).split()
    if isinstance(objective, LatentObjective):
        return wanted_norms(objective, asked)
    if not isinstance(objective, ImageObjective):
        raise Unavailable("there are no kernels for this model")
    if reason := unusual(training.config, training.device.type):
        raise Unavailable(reason)
    if objective.model.likelihood is not Likelihood.GAUSSIAN:
        raise Unavailable("its likelihood is not Gaussian")
    try:
        from core.kernels.gpu.compiling import Wanted, use_cache
        from core.kernels.gpu.tiles import NARROW, room_of
    except ImportError as error:
        raise Unavailable(str(error)) from error
    use_cache()
    batch = min(training.config.batch_size, objective.examples)
    optimal = objective.kl_weight.optimal
    precision = "bfloat16" if asked == "bfloat16" else "float32"
    room = NARROW if NARROW_TILES in tilings else room_of(training.device)
    rest = objective.examples % batch
    return Wanted(training.config.preset, batch, precision, optimal=optimal, rest=rest, room=room)


def _start(wanted: Wanted | WantedNorms, device: torch.device) -> subprocess.Popen[str] | None:
    """A process that compiles and checks, and prints the reason if that cannot be; None where it was done before."""
    from core.kernels.gpu.compiling import capability, stamp

    if stamp(wanted, device).exists():
        return None
    given = json.dumps(asdict(wanted)), str(device), str(capability(device))
    words = [*program.words("core.kernels.gpu.selftest"), *given]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}  # its processes share the cores
    return subprocess.Popen(
        words, stdout=subprocess.PIPE, text=True, errors="replace", start_new_session=True, env=environment
    )


def _end(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
