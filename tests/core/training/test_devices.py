"""Devices that are there and cannot be used, too few of them, and what is said of it; CUDA and NVML are stand-ins."""

from __future__ import annotations

import os
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pynvml
import pytest
import torch

from core.errors import ConfigError
from core.group import Place
from core.runs.run import Run
from core.runs.status import DeviceLoad, GpuFigures
from core.training import distributed
from core.training.devices import choice, numerics
from core.training.devices.load import LoadMeter, nvml_handle
from tests.conftest import cut_digits
from tests.support.trainers import train

ACCELERATOR_ERROR = getattr(torch, "AcceleratorError", RuntimeError)  # PyTorch 2.6 has none
TOO_OLD = "The NVIDIA driver on your system is too old (found version 12040). Please update your GPU driver."
NO_KERNEL = "CUDA error: no kernel image is available for execution on the device\nCUDA kernel errors might be async"


class FakeCuda:
    """GPUs that PyTorch sees, and what becomes of using them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, count: int, driver: int = 13000) -> None:
        self.fails: dict[str, str] = {}
        self.begins: str | None = None
        self.capability = (9, 0)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
        monkeypatch.setattr(torch.cuda, "init", self.init)
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda name: self.capability)
        monkeypatch.setattr(torch.cuda, "get_arch_list", lambda: ["sm_75", "sm_80", "sm_90", "compute_90"])
        monkeypatch.setattr(torch.version, "cuda", "13.0")
        monkeypatch.setattr(torch, "__version__", "2.11.0")
        monkeypatch.setattr(torch, "ones", self.ones)
        monkeypatch.setattr(pynvml, "nvmlInit", lambda: None)
        monkeypatch.setattr(pynvml, "nvmlSystemGetCudaDriverVersion", lambda: driver)

    def init(self) -> None:
        if self.begins is not None:
            raise RuntimeError(self.begins)

    def ones(self, *shape: int, device: str) -> torch.Tensor:
        if device in self.fails:
            raise ACCELERATOR_ERROR(self.fails[device])
        return torch.zeros(*shape)


MakeCuda = Callable[..., FakeCuda]


@pytest.fixture
def make_cuda(monkeypatch: pytest.MonkeyPatch) -> MakeCuda:
    return lambda count, driver=13000: FakeCuda(monkeypatch, count, driver)


def refused(name: str) -> str:
    with pytest.raises(ConfigError) as caught:
        choice.choose(name)
    return str(caught.value)


def test_auto_takes_the_first_gpu_that_computes_and_says_why_not_another(make_cuda: MakeCuda) -> None:
    cuda = make_cuda(2)
    assert choice.choose("auto") == choice.Choice(torch.device("cuda:0"))
    cuda.fails["cuda:0"] = NO_KERNEL
    chosen = choice.choose("auto")
    assert chosen.device == torch.device("cuda:1")
    first = NO_KERNEL.splitlines()[0]
    assert chosen.note == f"not cuda:0: {first}; nvidia-smi may say more"


def test_a_driver_that_is_too_old_leaves_the_cpu_and_a_command_that_mends_it(make_cuda: MakeCuda) -> None:
    make_cuda(8, driver=12040).begins = TOO_OLD
    says = (
        "its driver is for CUDA 12.4, PyTorch 2.11.0 for 13.0; update the driver, or "
        "install PyTorch's build cu126, as pytorch.org/get-started says"
    )
    assert choice.choose("auto") == choice.Choice(torch.device("cpu"), f"not cuda:0: {says}")
    assert choice.available() == ("cpu",)
    assert refused("cuda:0") == f"device cuda:0 cannot be used: {says}"
    assert refused("cuda") == f"device cuda cannot be used: {says}"
    assert refused("cuda:9") == "device must be one that this machine has: auto, cpu; not cuda:9"


def test_what_else_keeps_cuda_from_beginning_is_told_in_its_own_words(make_cuda: MakeCuda) -> None:
    make_cuda(1).begins = "system not yet initialized\nmore"
    assert refused("cuda:0") == "device cuda:0 cannot be used: system not yet initialized; nvidia-smi may say more"


@pytest.mark.parametrize(
    ("capability", "fix"),
    [
        ((6, 1), "install PyTorch's build cu126, as pytorch.org/get-started says"),
        ((7, 0), "install PyTorch's build cu126, as pytorch.org/get-started says"),
    ],
)
def test_a_gpu_that_this_pytorch_was_not_built_for_is_not_taken(
    make_cuda: MakeCuda, capability: tuple[int, int], fix: str
) -> None:
    make_cuda(1).capability = capability
    built = "PyTorch 2.11.0 is built for sm_75, sm_80, sm_90, compute_90"
    wanted = f"{built}, not for its sm_{capability[0]}{capability[1]}; {fix}"
    assert choice.resolve("auto") == torch.device("cpu")
    assert refused("cuda:0").endswith(wanted)


@pytest.mark.parametrize("capability", [(7, 5), (8, 6), (8, 9), (9, 0), (12, 0)])
def test_a_gpu_runs_code_of_its_own_generation_and_portable_code_of_earlier_ones(
    make_cuda: MakeCuda, capability: tuple[int, int]
) -> None:
    make_cuda(1).capability = capability
    assert choice.complaint("cuda:0") is None


def test_a_newer_gpu_wants_a_newer_pytorch(make_cuda: MakeCuda, monkeypatch: pytest.MonkeyPatch) -> None:
    make_cuda(1).capability = (12, 0)
    monkeypatch.setattr(torch.cuda, "get_arch_list", lambda: ["sm_80", "sm_90a"])
    assert (choice.complaint("cuda:0") or "").endswith("not for its sm_120; pip install --upgrade torch")


def test_a_gpu_without_memory_is_not_one_that_cannot_be_used(make_cuda: MakeCuda) -> None:
    make_cuda(1).fails["cuda:0"] = "CUDA error: out of memory\nmore"
    with pytest.raises(ACCELERATOR_ERROR, match="out of memory"):
        choice.choose("auto")


def test_each_of_several_processes_takes_a_gpu_of_its_own_or_is_refused(make_cuda: MakeCuda) -> None:
    make_cuda(2)
    for name in ("auto", "cuda"):
        assert [choice.of_process(name, 2, rank) for rank in range(2)] == ["cuda:0", "cuda:1"]
        with pytest.raises(ConfigError, match=r"processes must be at most 2, one for each GPU .* not 3; --device cpu"):
            choice.of_process(name, 3, 0)
    with pytest.raises(ConfigError, match="device must be auto or cuda for processes that take a GPU each, not cuda:1"):
        choice.of_process("cuda:1", 2, 0)
    assert choice.of_process("cuda:1", 1, 0) == "cuda:1"
    assert choice.of_process("cpu", 3, 2) == "cpu"


def test_processes_on_a_machine_whose_gpus_cannot_be_used_are_left_the_cpu(make_cuda: MakeCuda) -> None:
    make_cuda(2, driver=12040).begins = TOO_OLD
    assert choice.of_process("auto", 3, 2) == "auto"


def test_a_process_knows_how_many_are_beside_it_on_its_machine(make_cuda: MakeCuda) -> None:
    make_cuda(2)
    with pytest.raises(ConfigError, match=r"at most 2, .* not 3"):
        distributed.init_distributed("auto", Place(rank=3, processes=6, local_rank=0, local_processes=3))


# How it computes


def test_a_gpu_is_made_the_process_own_and_repeatable_in_one_place(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[object] = []
    monkeypatch.setattr(torch.cuda, "set_device", taken.append)
    monkeypatch.setattr(torch, "set_deterministic_debug_mode", taken.append)
    monkeypatch.setattr(torch.utils.deterministic, "fill_uninitialized_memory", True)
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    numerics.prepare(torch.device("cpu"))
    assert taken == []
    numerics.prepare(torch.device("cuda:1"))
    assert taken == [torch.device("cuda:1"), "warn"]
    assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8"
    assert not torch.utils.deterministic.fill_uninitialized_memory  # type: ignore[attr-defined]
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":16:8")
    numerics.prepare(torch.device("cuda:1"))
    assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":16:8"


@pytest.mark.parametrize("preset", ["vae", "prior"])
def test_validation_is_of_proper_float32_and_training_is_left_alone(
    preset: str, make_run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch, no_compiled_step: None
) -> None:
    seen: dict[bool, set[bool]] = {True: set(), False: set()}
    convolve = torch.nn.functional.conv2d

    def watched(*arguments: Any, **options: Any) -> torch.Tensor:
        seen[torch.is_grad_enabled()].add(torch.backends.cudnn.allow_tf32)
        return convolve(*arguments, **options)

    monkeypatch.setattr(torch.nn.functional, "conv2d", watched)
    monkeypatch.setattr("core.kernels.fused.bfloat16_is_faster", lambda: False)
    train(make_run(preset=preset, epochs=1, batch_size=50), cut_digits(100, 50))
    assert seen == {True: {True}, False: {False}}
    assert torch.backends.cudnn.allow_tf32


# What is read of a GPU


class FakeNvml:
    """A card and a part of it, each with the answers that it has."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, names: dict[str, str]) -> None:
        self.answers: dict[str, dict[str, Any]] = {"card": {}, "part": {}}
        self.names = names
        monkeypatch.setattr(pynvml, "nvmlInit", lambda: None)
        monkeypatch.setattr(pynvml, "nvmlDeviceGetHandleByUUID", self.handle)
        for name in ("MemoryInfo", "UtilizationRates", "Index", "Temperature", "PowerUsage"):
            monkeypatch.setattr(pynvml, f"nvmlDeviceGet{name}", lambda gpu, *_, name=name: self.answer(gpu, name))
        monkeypatch.setattr(pynvml, "nvmlDeviceGetDeviceHandleFromMigDeviceHandle", self.parent)
        monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: SimpleNamespace(uuid="12-34"))

    def handle(self, name: str) -> str:
        return self.names[name] if name in self.names else self.answer("card", name)

    def parent(self, gpu: str) -> str:
        return "card" if gpu == "part" else self.answer("card", "parent")

    def answer(self, gpu: str, name: str) -> Any:
        if name not in self.answers[gpu]:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)
        return self.answers[gpu][name]


MEMORY = SimpleNamespace(used=3, total=80)
SENSORS = {"Index": 3, "Temperature": 41, "PowerUsage": 123_456}


def test_a_gpu_is_read_as_far_as_it_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    nvml = FakeNvml(monkeypatch, {"GPU-12-34": "card"})
    meter = LoadMeter(torch.device("cuda:0"))
    assert meter.read() == {"device_load": None, "gpu": GpuFigures()}
    nvml.answers["card"] = {"MemoryInfo": MEMORY, "UtilizationRates": SimpleNamespace(gpu=93)} | SENSORS
    figures = GpuFigures(card=3, utilisation=93, memory_used=3, memory_total=80, temperature=41, power=123.456)
    assert meter.read() == {"device_load": DeviceLoad(utilisation=93, memory_used=3, memory_total=80), "gpu": figures}


def test_a_part_of_a_gpu_is_found_by_its_own_name_and_has_its_cards_sensors(monkeypatch: pytest.MonkeyPatch) -> None:
    nvml = FakeNvml(monkeypatch, {"MIG-12-34": "part"})
    nvml.answers = {"card": SENSORS | {"UtilizationRates": SimpleNamespace(gpu=93)}, "part": {"MemoryInfo": MEMORY}}
    figures = GpuFigures(card=3, memory_used=3, memory_total=80, temperature=41, power=123.456)
    assert LoadMeter(torch.device("cuda:0")).read() == {"device_load": None, "gpu": figures}


def test_a_gpu_that_nvml_does_not_know_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    FakeNvml(monkeypatch, {})
    assert nvml_handle(torch.device("cuda:0")) is None
    assert LoadMeter(torch.device("cuda:0")).read() == {"device_load": None, "gpu": None}
