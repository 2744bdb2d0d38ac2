"""The trainers that run on this machine, as far as this user may see its processes, and the devices they take."""

from __future__ import annotations

import itertools
import os
import sys
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from core.errors import DamagedFile
from core.runs.config import RunConfig
from core.runs.run import Run

CPU = "cpu"
CORES_OF_A_RUN = 4  # on a processor, where nobody chose how many runs train at once


@dataclass(frozen=True)
class SeenTrainer:
    """The folders of the runs that one or more processes train together, and their device where it was given."""

    folders: tuple[str, ...]
    device: str = ""


def trainers_here() -> list[SeenTrainer]:
    """All of them, those of torchrun once."""
    found: dict[tuple[str, ...], SeenTrainer] = {}
    for process in psutil.process_iter(["cmdline", "cwd"]):
        words = process.info["cmdline"] or []
        if "core.worker" in words:
            given = words[words.index("core.worker") + 1 :]
            runs = itertools.takewhile(lambda word: not word.startswith("--"), given)
            folders = tuple(os.path.join(process.info["cwd"] or "/", run) for run in runs)  # noqa: PTH118
            device = given[given.index("--device") + 1] if "--device" in given[:-1] else ""
            found.setdefault(folders, SeenTrainer(folders, device))
    return list(found.values())


def gpus() -> list[str]:
    """The names of the GPUs that a trainer may use here, found without PyTorch."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        named = itertools.takewhile(lambda word: word and word != "-1", map(str.strip, visible.split(",")))
        return [f"cuda:{number}" for number, _ in enumerate(named)] if _count_gpus() else []
    return [f"cuda:{number}" for number in range(_count_gpus())]


def _count_gpus() -> int:
    if sys.platform != "linux":
        return 0
    import pynvml

    try:
        pynvml.nvmlInit()
        return int(pynvml.nvmlDeviceGetCount())
    except pynvml.NVMLError:
        return 0


def usual_at_once(device: str) -> int:
    """How many runs train at a time on a device where nobody chose: one on a GPU, one for every four cores."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, cores // CORES_OF_A_RUN) if device == CPU else 1


class Devices:
    """The devices of this machine, and for how many more runs there is room on each."""

    def __init__(self, at_once: int | None, trainers: Iterable[SeenTrainer]) -> None:
        self.gpus = gpus()
        self.room: Counter[str] = Counter({each: at_once or usual_at_once(each) for each in (*self.gpus, CPU)})
        self._all = dict(self.room)
        self._training: Counter[str] = Counter()  # runs, of which one process may train several in one place
        for trainer in trainers:
            for device in self._taken_by(trainer):
                self.room[device] -= 1
                self._training[device] += len(trainer.folders)

    def _taken_by(self, trainer: SeenTrainer) -> list[str]:
        if trainer.device:
            return [trainer.device]
        config, device = None, ""
        with suppress(DamagedFile, OSError, IndexError):  # another user's, perhaps
            run = Run(Path(trainer.folders[0]))
            config, status = run.config(), run.status()
            device = status.device if status.state.active else ""
        if config is not None and config.processes > 1:
            return self.wanted(config)
        known = device if device in self._all else ""
        return [known or (self.wanted(config) if config else [*self.gpus, CPU])[0]]

    def wanted(self, config: RunConfig) -> list[str]:
        """The devices on which a run can train, or all that it takes where several processes train it."""
        if config.device.startswith("cuda:"):
            return [config.device]
        wants_gpu = config.device in ("auto", "cuda") and self.gpus
        return self.gpus if wants_gpu else [CPU]

    def why_none(self, config: RunConfig) -> str:
        """Why there is no room for a run, in a few words; nothing where there is."""
        wanted = self.wanted(config)
        if config.processes > 1:
            needed = wanted[: config.processes]
            busy = sum(self.room[each] < self._all.get(each, 1) for each in needed)
            return f"it needs {len(needed)} idle devices, {busy} of them not" if busy else ""
        if any(self.room[each] > 0 or each not in self._all for each in wanted):
            return ""
        count = sum(self._training[each] for each in wanted)
        where = "the processor" if wanted == [CPU] else " and ".join(wanted)
        trains = "1 run trains" if count == 1 else f"{count} runs train"
        return f"{trains} on {where}, room for {sum(self._all[each] for each in wanted)}"

    def threads(self, device: str) -> int | None:
        """How many threads a run computes with where several train on the processor; None: as many as there are."""
        several = self._all[CPU] if device == CPU else 1
        return max(1, (os.cpu_count() or 1) // several) if several > 1 else None

    def take(self, config: RunConfig) -> str | None:
        """The device on which there is room for the run, which it takes; None where there is none.

        Empty where it finds its own, with several processes.
        """
        wanted = self.wanted(config)
        if config.processes > 1:
            needed = wanted[: config.processes]
            if any(self.room[each] < self._all.get(each, 1) for each in needed):
                return None
            self.room.subtract(dict.fromkeys(needed, self._all.get(needed[0], 1)))
            return ""
        free = max(wanted, key=lambda each: self.room[each])
        if self.room[free] <= 0 and free in self._all:
            return None
        self.room[free] -= 1
        return free
