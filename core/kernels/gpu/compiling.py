"""Compiles the kernels of a step in parallel processes; what they make lies in Triton's cache and is found there."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.context import SpawnProcess

import torch

from core.kernels.gpu.step import TritonStep
from core.kernels.gpu.tiles import Tiles
from core.models.autoencoder import MODELS, KlWeight


@dataclass(frozen=True)
class Wanted:
    """What decides about the kernels of a step."""

    preset: str
    batch: int
    precision: str = "float32"
    runs: int = 1
    optimal: bool = False
    tiles: Tiles | None = None

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
        return TritonStep(models, optimizers, generators, images, weights, self.batch, self.precision, self.tiles)


def compile_share(wanted: Sequence[Wanted], share: int, shares: int) -> None:
    """Compile every so many-th kernel."""
    number = 0
    for one in wanted:
        for launch in one.fresh_step("cuda").launches(one.batch):
            if number % shares == share:
                launch.kernel.warmup(*launch.arguments, grid=launch.grid, **launch.constants)
            number += 1


def start(wanted: Sequence[Wanted], processes: int | None = None) -> list[SpawnProcess]:
    """Start compiling; the processes end by themselves."""
    shares = processes or max(1, (os.cpu_count() or 2) - 2)
    context = multiprocessing.get_context("spawn")
    started = [context.Process(target=compile_share, args=(wanted, share, shares)) for share in range(shares)]
    for process in started:
        process.start()
    return started
