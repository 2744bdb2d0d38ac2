"""A step in Triton kernels, on a GPU: compiled and checked by a process of its own while training has begun."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import weakref
from contextlib import suppress
from dataclasses import asdict
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from core.kernels.compiler import Unavailable
from core.training.methods.training import MARK, Training
from core.training.objectives import ImageObjective

if TYPE_CHECKING:
    from core.kernels.gpu.compiling import Wanted

MARKED = "triton "  # and the numbers between the layers


class Kernels:
    """The kernels for a training, which are ready at once where this machine has used them before.

    Raises Unavailable with the reason where there are none for this training or machine.
    """

    def __init__(self, training: Training, precision: str) -> None:
        self._training = training
        self._wanted = _wanted(training, precision)
        self._process = _start(self._wanted, training.device)
        if self._process is not None:
            weakref.finalize(self, _end, self._process)

    @property
    def ready(self) -> bool:
        """Whether `step` need not wait. Raises Unavailable if the kernels cannot be compiled, or are wrong."""
        if self._process is None:
            return True
        if (status := self._process.poll()) is None:
            return False
        if status:
            assert self._process.stdout is not None
            said = self._process.stdout.read().strip().splitlines()
            raise Unavailable(said[-1] if said else f"compiling them ended with status {status}")
        return True

    def step(self) -> KernelStep:
        """What does the steps from now on. Raises Unavailable, or what PyTorch and Triton raise without memory."""
        if self._process is not None:
            self._process.wait()
        assert self.ready
        return KernelStep(self._training, self._wanted)


class KernelStep:
    """Does what `TrainingStep` does with other bits, which the optimizer's state says.

    Model, optimizer and totals keep their tensors in its memory from then on.
    """

    def __init__(self, training: Training, wanted: Wanted) -> None:
        from core.kernels.gpu.step import TritonStep

        objective, totals = training.objective, training.totals
        assert isinstance(objective, ImageObjective)
        self._step = TritonStep(
            [objective.model], [training.optimizer], [training.generator], objective.images.train_images,
            [objective.kl_weight], wanted.batch, wanted.precision,
        )  # fmt: skip
        self._step.totals[0].copy_(totals.sums)
        totals.sums = self._step.totals[0]
        for size in wanted.sizes:
            self._step.record(size)
        training.optimizer.param_groups[0][MARK] = MARKED + wanted.precision
        self.method = f"Triton kernels, {wanted.precision}"

    def __call__(self, indices: Tensor) -> None:
        """Do the step."""
        self._step(indices)


def _wanted(training: Training, precision: str) -> Wanted:
    try:
        from core.kernels.gpu.compiling import Wanted, use_cache
    except ImportError as error:
        raise Unavailable(str(error)) from error
    objective = training.objective
    if not isinstance(objective, ImageObjective):
        raise Unavailable("there are no kernels for this model")
    use_cache()
    batch = min(training.config.batch_size, objective.examples)
    optimal = objective.kl_weight.optimal
    return Wanted(training.config.preset, batch, precision, optimal=optimal, rest=objective.examples % batch)


def _start(wanted: Wanted, device: torch.device) -> subprocess.Popen[str] | None:
    """A process that compiles and checks, and prints the reason if that cannot be; None where it was done before."""
    from core.kernels.gpu.compiling import stamp

    if stamp(wanted, device).exists():
        return None
    words = [sys.executable, "-P", "-m", "core.kernels.gpu.selftest", json.dumps(asdict(wanted)), str(device)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}  # its processes share the cores
    return subprocess.Popen(words, stdout=subprocess.PIPE, text=True, start_new_session=True, env=environment)


def _end(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
