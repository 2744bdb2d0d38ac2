"""Compiles the kernels of a step in parallel processes; what they make lies in Triton's cache and is found there."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
import triton
from triton.backends.compiler import GPUTarget
from triton.backends.nvidia import driver as nvidia
from triton.runtime import driver

from core import folders
from core.kernels.gpu.launches.forward import Launch
from core.kernels.gpu.step import TritonStep
from core.kernels.gpu.tiles import WIDE, Tiles, tiles_within
from core.kernels.gpu.validation import TritonValidation
from core.models.autoencoder import MODELS, KlWeight

CACHE = "TRITON_CACHE_DIR"
MOST_PROCESSES = 16
WARP = 32  # threads


@dataclass(frozen=True)
class Wanted:
    """What decides about the kernels of an autoencoder's step.

    `rest` is the size of an epoch's last batch, 0 for a whole one. `room` is the shared memory that decides about the
    tilings where none are given.
    """

    preset: str
    batch: int
    precision: str = "float32"
    runs: int = 1
    optimal: bool = False
    tiles: Tiles | None = None
    rest: int = 0
    room: int = WIDE

    @property
    def sizes(self) -> list[int]:
        """The sizes of batches."""
        return [self.batch, self.rest] if self.rest else [self.batch]

    def fresh_step(self, device: str | torch.device, seed: int = 0, examples: int = 1) -> TritonStep:
        """A step of its own, with fresh models and random images."""
        models, optimizers = [], []
        with torch.random.fork_rng(devices=[]):
            for run in range(self.runs):
                torch.manual_seed(seed + run)
                models.append(MODELS[self.preset]().to(device).train())
                rate = torch.tensor(1e-3, device=device)
                captured = torch.device(device).type == "cuda"
                optimizers.append(torch.optim.Adam(models[-1].parameters(), lr=rate, capturable=captured, fused=True))
            images = torch.randint(0, 256, (examples, 32, 32), dtype=torch.uint8).to(device)
        generators = [torch.Generator(device).manual_seed(seed + run) for run in range(self.runs)]
        weights = [KlWeight(optimal=self.optimal)] * self.runs
        tiles = self.tiles or tiles_within(self.room, self.precision)
        return TritonStep(models, optimizers, generators, images, weights, self.batch, self.precision, tiles)

    def launches(self) -> Iterator[Launch]:
        """Of each size of a batch, and of a validation; what takes longest, the way back, comes first."""
        step = self.fresh_step("cpu")
        for size in self.sizes:
            yield from reversed(step.launches(size))
        yield from TritonValidation(step.models[0], step.images, len(step.images)).launches(len(step.images))


class Compilable(Protocol):
    """Kernels that a training needs, by what decides about them."""

    def launches(self) -> Iterator[Launch]:
        """What is launched, of tensors on the CPU."""


def use_cache() -> None:
    """Have Triton keep what it compiles in the program's cache folder, by versions, unless its user said where."""
    versions = f"torch-{torch.__version__}-triton-{triton.__version__}"
    if CACHE not in os.environ:
        os.environ[CACHE] = str(folders.dir_for_made(versions))


def stamp(wanted: Compilable, device: str | torch.device) -> Path:
    """A file that is there once these kernels were compiled for the device, and did what they should."""
    folder = Path(__file__).parents[1]
    sources = [file.read_text("utf-8") for part in ("gpu", "triton") for file in sorted((folder / part).rglob("*.py"))]
    gpu = torch.cuda.get_device_properties(device)
    parts = [*sources, repr(wanted), torch.__version__, triton.__version__, gpu.name, f"{gpu.major}.{gpu.minor}"]
    name = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]
    return Path(os.environ[CACHE]) / f"{name}.checked"


def compile_kernels(
    wanted: Sequence[Compilable], capability: int, meanwhile: Callable[[], object] = lambda: None
) -> None:
    """Compile what is not yet, for GPUs of a compute capability (90 for 9.0), in processes that are copies of this one.

    No process uses a GPU for it; `meanwhile` may begin to. Raises what Triton raises.
    """
    assert not torch.cuda.is_initialized(), "a copy of a process that uses a GPU cannot be relied on"
    torch.set_num_threads(1)  # the copies have work for all cores, and threads are not copied
    driver.set_active(Target(capability))
    _OWN[:] = [launch for one in wanted for launch in one.launches()]
    processes = max(1, min(MOST_PROCESSES, (os.cpu_count() or 1) - 1))
    with ProcessPoolExecutor(processes, multiprocessing.get_context("fork")) as pool:
        compiling = pool.map(_compile, range(len(_OWN)))  # all copies are made by now
        meanwhile()
        list(compiling)
    driver.set_active(None)  # the real one, which is looked for when it is first needed


_OWN: list[Launch] = []


class Target:
    """In place of Triton's driver: what is compiled for. Nothing can be launched."""

    def __init__(self, capability: int) -> None:
        self._target = GPUTarget("cuda", capability, WARP)

    def get_current_target(self) -> GPUTarget:
        """The kind of GPU."""
        return self._target

    def get_current_device(self) -> int:
        """Its number, of which nothing that is compiled depends."""
        return 0

    def get_current_stream(self, device: int) -> int:
        """Nor on this."""
        return 0


def capability(device: str | torch.device) -> int:
    """A GPU's compute capability, 90 for 9.0."""
    major, minor = torch.cuda.get_device_capability(device)
    return major * 10 + minor


def _compile(number: int) -> None:
    launch = _OWN[number]
    kernel = launch.kernel.warmup(*launch.arguments, grid=launch.grid, **launch.constants)
    if hasattr(nvidia, "make_launcher"):  # some versions compile what launches a kernel, too
        nvidia.CudaLauncher(kernel.src, kernel.metadata)
