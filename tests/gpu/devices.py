"""Whether a GPU is chosen, named, shared and read as it should be, and what happens where its memory is short."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest import mock

import torch
from torch.nn import functional

from core.data.images import load_image_set
from core.errors import is_out_of_memory
from core.jobs import launch
from core.runs.config import make_config
from core.runs.run import Run
from core.runs.status import State
from core.training.checkpoint import load_state
from core.training.devices import choice, memory
from core.training.devices.load import LoadMeter, nvml_handle
from core.training.objectives import make_objective
from tests.gpu.checks import SHORT, Result, python_path, recorded_is_eager, train

# Prints how much of the GPU's memory asking for devices took, which must be no context's.
ASK = """
import json, pynvml
from core.training.devices import choice
pynvml.nvmlInit()
cards = [pynvml.nvmlDeviceGetHandleByIndex(index) for index in range(pynvml.nvmlDeviceGetCount())]
used = lambda: sum(pynvml.nvmlDeviceGetMemoryInfo(card).used for card in cards)
before = used()
found = choice.available(), str(choice.resolve("auto"))
grown = used() - before
import torch
from core.training.devices.load import LoadMeter
gpu = LoadMeter(torch.device("cuda:0")).read()["gpu"]
print(json.dumps([found, grown, None if gpu is None else gpu.card]))
"""
CONTEXT = 100 << 20  # bytes; one takes several times that


def ask(visible: str | None = None) -> tuple[tuple[list[str], str], int, int | None]:
    """A process's devices and the one for auto, bytes taken by asking, and the card that NVML finds for cuda:0."""
    environment = os.environ | {"PYTHONPATH": python_path()}
    if visible is not None:
        environment["CUDA_VISIBLE_DEVICES"] = visible
    words = [sys.executable, "-c", ASK]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False, timeout=60)
    if done.returncode:
        raise RuntimeError(done.stderr.strip()[-500:])
    found, grown, card = json.loads(done.stdout)
    return found, grown, card


def is_chosen(folder: Path, device: str) -> Iterator[Result]:
    """It is what `auto` takes, by a kernel in the trainer's process; asking elsewhere takes no memory."""
    chosen = choice.choose("auto")
    yield Result("auto takes a GPU", (chosen.device.type, chosen.note) == ("cuda", ""), str(chosen))
    (names, auto), grown, card = ask()
    yield Result("asking for devices takes no memory", grown < CONTEXT, f"{names}, {auto}, {grown} bytes, card {card}")


def is_found_by_each_of_its_names(folder: Path, device: str) -> Iterator[Result]:
    """CUDA_VISIBLE_DEVICES by number, by unique id, and by the beginning of that."""
    card = LoadMeter(torch.device(device)).read()["gpu"]
    number = None if card is None else card.card
    uuid = f"GPU-{torch.cuda.get_device_properties(device).uuid}"
    for visible in (str(number), uuid, uuid[:12]):
        (names, auto), _, found = ask(visible)
        passed = (names, auto, found) == (["cuda:0", "cpu"], "cuda:0", number)
        yield Result(f"CUDA_VISIBLE_DEVICES={visible}", passed, f"{names}, {auto}, card {found} for {number}")


def is_read(folder: Path, device: str) -> Result:
    """NVML's figures; a part of a GPU has no utilisation."""
    figures = LoadMeter(torch.device(device)).read()["gpu"]
    gaps = [] if figures is None else [name for name, value in figures if value is None]
    return Result("the GPU's figures are read", figures is not None and not gaps, f"{figures}, gaps {gaps}")


def measures_in_proper_float32(folder: Path, device: str) -> Result:
    """What is measured is as exact as float32, and what is trained keeps tf32."""
    x, weight = torch.randn(64, 32, 16, 16, device=device), torch.randn(32, 32, 3, 3, device=device)
    exact = functional.conv2d(x.double(), weight.double())

    def error(found: torch.Tensor) -> float:
        return float((found - exact).norm() / exact.norm())

    proper = error(memory.measure(lambda part: functional.conv2d(x[part], weight), len(x)))
    usual = error(functional.conv2d(x, weight))
    return Result("measured in proper float32", proper < 1e-6, f"error {proper:.1e}, outside {usual:.1e}")


def validates_in_halves(folder: Path, device: str) -> Result:
    """Where 500 images at once have no room, the validation's loss is the same to rounding."""
    run = Run.create(folder, "halves", make_config(**SHORT, preset="vae", epochs=1, device=device))
    objective, _ = make_objective(run, load_image_set("mnist-5k"), torch.device(device))

    def validate() -> torch.Tensor:
        sums = objective.validate(torch.Generator(device).manual_seed(1))
        return torch.stack(list(sums)).sum(dim=0).double().cpu()

    whole = validate()
    torch.cuda.empty_cache()
    total = torch.cuda.get_device_properties(device).total_memory
    torch.cuda.set_per_process_memory_fraction((torch.cuda.memory_reserved(device) + (24 << 20)) / total, device)
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            halves = validate()
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0, device)
    off = float(((halves - whole) / whole).abs().max())
    return Result("validates in halves", bool(caught) and off < 1e-5, f"off by {off:.1e}, {len(caught)} times halved")


def knows_a_lack_of_memory(folder: Path, device: str) -> Iterator[Result]:
    """By itself and while a graph is recorded; afterwards the GPU goes on."""

    def allocate() -> object:
        return torch.empty(1 << 45, dtype=torch.uint8, device=device)

    def record() -> None:
        with torch.cuda.graph(torch.cuda.CUDAGraph()):
            allocate()

    works: dict[str, Callable[[], object]] = {"a lack of memory": allocate, "a lack of memory while recording": record}
    for name, work in works.items():
        try:
            work()
        except RuntimeError as error:
            said = memory.explained(error)
            goes_on = float(torch.ones(1, device=device)) == 1
            yield Result(f"{name} is known", is_out_of_memory(error) and goes_on, f"{type(error).__name__}: {said}")
        else:
            yield Result(f"{name} is known", False, "32 TB were to be had")


def carries_two_runs(folder: Path, device: str) -> Result:
    """Two trainers on one GPU at the same time end with the bits of one alone."""
    config = make_config(**SHORT, preset="vae", epochs=3, device=device, seed=5)
    alone, *both = (Run.create(folder, f"two-{name}", config) for name in ("alone", "one", "other"))
    train(alone, "--layers")
    words = [[sys.executable, "-m", "tests.gpu.process", str(run.path), "--layers"] for run in both]
    environment = launch.environment(config) | {"PYTHONPATH": python_path()}
    environment.pop("PYTHONSAFEPATH", None)
    processes = [subprocess.Popen(each, env=environment, stdout=subprocess.DEVNULL) for each in words]
    for process in processes:
        process.wait(120)
    states = [load_state(run) for run in (alone, *both)]
    same = all(
        state is not None
        and states[0] is not None
        and all(torch.equal(tensor, states[0].model[name]) for name, tensor in state.model.items())
        for state in states
    )
    return Result("two runs on one GPU", same, f"{[str(run.state()) for run in both]}, the same bits: {same}")


def refuses_more_processes_than_gpus(folder: Path, device: str) -> Result:
    """With words, and the run stays as it was."""
    processes = torch.cuda.device_count() + 1
    run = Run.create(folder, "crowd", make_config(**SHORT, preset="vae", epochs=1, device="auto", processes=processes))
    with mock.patch.dict(os.environ, {"PYTHONPATH": python_path()}):
        worker = launch.start(run)
    while not worker.ended:
        time.sleep(0.05)
    error = run.status().error or ""
    passed = run.state() is State.CREATED and error.startswith(f"processes must be at most {processes - 1}")
    return Result("more processes than GPUs are refused", passed, f"{run.state()}: {error or run.last_log_line()}")


def records_on_a_second_gpu(folder: Path, device: str) -> Iterator[Result]:
    """Where there is one."""
    if torch.cuda.device_count() > 1:
        found = nvml_handle(torch.device("cuda:1"))
        yield Result("a second GPU is found by NVML", found is not None, str(found))
        yield recorded_is_eager("cuda:1", None)


CHECKS: list[Callable[[Path, str], Result | Iterator[Result]]] = [
    is_chosen,
    is_read,
    measures_in_proper_float32,
    validates_in_halves,
    knows_a_lack_of_memory,
    is_found_by_each_of_its_names,
    carries_two_runs,
    refuses_more_processes_than_gpus,
    records_on_a_second_gpu,
]
