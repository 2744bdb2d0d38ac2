"""A device short of memory: validation goes on in smaller parts, and what ends a training is said in one line."""

from __future__ import annotations

import os
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import psutil
import pynvml
import pytest
import torch
from torch import Tensor

from core.errors import OutOfMemory, is_out_of_memory
from core.jobs.trainer.failures import cause, describe
from core.runs.run import Run
from core.training import latent_objective, objectives
from core.training.devices import memory
from core.training.step import ScheduledAdam
from core.training.trainer import Trainer
from tests.conftest import cut_digits
from tests.support.trainers import train

ACCELERATOR_ERROR = getattr(torch, "AcceleratorError", RuntimeError)  # PyTorch 2.6 has none
OUT_OF_MEMORY = [
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB. GPU 0 has a total capacity of 79.11 GiB"),
    ACCELERATOR_ERROR("CUDA error: out of memory\nCUDA kernel errors might be asynchronously reported"),
    RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
    RuntimeError("cuDNN error: CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED"),
    RuntimeError("Triton Error [CUDA]: out of memory"),
    RuntimeError("NCCL error: unhandled cuda error. Last error: Cuda failure 2 'out of memory'"),
    RuntimeError("[enforce fail at alloc_cpu.cpp:121] . DefaultCPUAllocator: can't allocate memory: you tried"),
    MemoryError(),
]


@pytest.mark.parametrize("error", OUT_OF_MEMORY, ids=lambda error: f"{type(error).__name__} {str(error)[:40]}")
def test_every_form_of_it_is_one_cause(error: Exception) -> None:
    assert is_out_of_memory(error)
    assert cause(error) == "memory"
    found = memory.explained(error)
    assert (cause(found), isinstance(found, OutOfMemory)) == ("memory", True)
    assert describe(found).endswith("a smaller batch size needs less")


def test_one_that_ends_a_recording_is_known_by_what_came_before_it() -> None:
    with pytest.raises(RuntimeError) as caught:
        try:
            raise OUT_OF_MEMORY[0]
        finally:
            raise ACCELERATOR_ERROR("CUDA error: operation failed due to a previous error during capture")
    assert cause(caught.value) == "memory"


def test_other_errors_are_left_as_they_are() -> None:
    for error in (ValueError("something else"), RuntimeError("cuDNN error: CUDNN_STATUS_INTERNAL_ERROR")):
        assert memory.explained(error) is error
        assert cause(error) is None


class FakeGpu:
    """A GPU in use whose memory NVML knows."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, free: float) -> None:
        self.processes = [SimpleNamespace(pid=os.getpid(), usedGpuMemory=9), SimpleNamespace(pid=1, usedGpuMemory=70e9)]
        found = SimpleNamespace(free=free, total=80e9)
        for name, value in {
            "is_initialized": True, "current_device": 1, "get_device_name": "NVIDIA H100", "memory_reserved": 1.5e9,
            "get_device_properties": SimpleNamespace(uuid="12-34"),
        }.items():  # fmt: skip
            monkeypatch.setattr(torch.cuda, name, lambda *_, value=value: value)
        monkeypatch.setattr(pynvml, "nvmlInit", lambda: None)
        monkeypatch.setattr(pynvml, "nvmlDeviceGetHandleByUUID", lambda name: name)
        monkeypatch.setattr(pynvml, "nvmlDeviceGetMemoryInfo", lambda gpu: found)
        monkeypatch.setattr(pynvml, "nvmlDeviceGetComputeRunningProcesses", lambda gpu: self.processes)
        monkeypatch.setattr(pynvml, "nvmlDeviceGetGraphicsRunningProcesses", self.unknown)

    def unknown(self, *_: object) -> Any:
        raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)


def test_what_is_free_and_who_holds_the_rest_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    gpu = FakeGpu(monkeypatch, free=0.2e9)
    name = psutil.Process(1).name()
    todo = "end what holds it, or take another GPU or a smaller batch size"
    held = "NVIDIA H100 is out of memory: 0.2 GB of 80.0 GB are free, this training holds 1.5 GB"
    assert describe(memory.explained(OUT_OF_MEMORY[0])) == f"{held}, {name} (process 1) 70.0 GB; {todo}"
    gpu.processes[1].usedGpuMemory = None
    assert f"{held}, {name} (process 1) an unknown part; " in describe(memory.explained(OUT_OF_MEMORY[1]))
    monkeypatch.setattr(pynvml, "nvmlDeviceGetComputeRunningProcesses", gpu.unknown)
    assert describe(memory.explained(OUT_OF_MEMORY[1])) == f"{held}; {todo}"
    monkeypatch.setattr(pynvml, "nvmlDeviceGetHandleByUUID", gpu.unknown)
    spare = "NVIDIA H100 is out of memory: this training holds 1.5 GB"
    assert describe(memory.explained(OUT_OF_MEMORY[1])) == f"{spare}; {todo}"


@pytest.mark.parametrize("word", memory.UNCLEAR)
def test_what_cudnn_says_of_many_things_is_a_lack_of_memory_where_little_is_free(
    word: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = RuntimeError(f"cuDNN error: {word}")
    FakeGpu(monkeypatch, free=40e9)
    assert memory.explained(error) is error
    FakeGpu(monkeypatch, free=0.1e9)
    assert cause(memory.explained(error)) == "memory"


# Smaller parts

halves = pytest.mark.filterwarnings("ignore:out of memory with .* examples at once")


def limited(at_once: int) -> tuple[list[int], Callable[[slice], Tensor]]:
    """Work on examples 0 to 99 that is out of memory with more than so many, and the sizes it was asked for."""
    asked: list[int] = []

    def work(part: slice) -> Tensor:
        examples = torch.arange(100.0)[part]
        asked.append(len(examples))
        if len(examples) > at_once:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return torch.stack([examples.sum(), torch.tensor(float(len(examples)))])

    return asked, work


@halves
def test_what_is_too_large_is_measured_in_halves() -> None:
    asked, work = limited(30)
    with pytest.warns(UserWarning, match="out of memory with 100 examples at once: measuring them in halves"):
        assert memory.measure(work, 100).tolist() == [4950.0, 100.0]
    assert asked == [100, 50, 25, 25, 50, 25, 25]


@halves
def test_what_does_not_fit_one_by_one_fails() -> None:
    asked, work = limited(0)
    with pytest.warns(UserWarning, match="in halves"), pytest.raises(torch.OutOfMemoryError):
        memory.measure(work, 100)
    assert asked == [100, 50, 25, 12, 6, 3, 1]


def test_other_errors_are_not_tried_again() -> None:
    asked: list[slice] = []

    def work(part: slice) -> Tensor:
        asked.append(part)
        raise RuntimeError("something else")

    with pytest.raises(RuntimeError, match="something else"):
        memory.measure(work, 100)
    assert asked == [slice(0, 100)]


def losses(trainer: Trainer) -> tuple[float, float]:
    """The sums of a validation."""
    measuring = trainer.validation.losses(trainer.objective.validate, trainer.step)
    while True:
        try:
            next(measuring)
        except StopIteration as end:
            return end.value.totals.reconstruction, end.value.totals.kl


@halves
@pytest.mark.parametrize("preset", ["ae", "vae", "prior"])
def test_a_validation_in_halves_gives_the_same_loss(
    preset: str, make_run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    def short(work: Callable[[slice], Tensor], count: int) -> Tensor:
        def limited(part: slice) -> Tensor:
            if part.stop - part.start > 20:
                raise torch.OutOfMemoryError("CUDA out of memory.")
            return work(part)

        return memory.measure(limited, count)

    trainer = train(make_run(preset=preset, batch_size=60), cut_digits(60, 50), boundaries=1)
    whole = losses(trainer)
    module = latent_objective if preset == "prior" else objectives
    monkeypatch.setattr(module, "measure", short)
    with pytest.warns(UserWarning, match="out of memory with 50 examples"):
        assert losses(trainer) == pytest.approx(whole, rel=1e-5)


def test_a_batch_of_training_is_never_halved(
    make_run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch, no_compiled_step: None
) -> None:
    asked = []

    def no_memory(objective: object, forward: object, indices: Tensor, noise: object) -> None:
        asked.append(len(indices))
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr(objectives.ImageObjective, "loss", no_memory)
    with pytest.raises(torch.OutOfMemoryError):
        train(make_run(batch_size=60), cut_digits(60, 50), boundaries=1)
    assert asked == [60]


def test_a_state_that_finds_no_memory_is_not_called_damaged(
    make_run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    run, images = make_run(batch_size=60), cut_digits(60, 50)
    train(run, images, boundaries=1)

    def no_memory(optimizer: object, state: object) -> None:
        raise ACCELERATOR_ERROR("CUDA error: out of memory")

    monkeypatch.setattr(ScheduledAdam, "load_state_dict", no_memory)
    with pytest.raises(ACCELERATOR_ERROR, match="out of memory"):
        train(run, images, boundaries=1)
