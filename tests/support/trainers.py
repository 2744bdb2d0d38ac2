"""Trainers for tests: in this process, or in one that costs a second to start instead of five.

Such a process is forked from one that has loaded PyTorch and started no thread; it computes with one thread.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
import struct
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from types import MappingProxyType
from typing import Any
from uuid import uuid4

import torch
from torch.nn.functional import pad

from core.data.images import ImageSet, load_image_set
from core.group import find_place
from core.jobs import process as trainer_process
from core.jobs.setup import Job
from core.jobs.trainer.intervals import Intervals
from core.runs.run import Run
from core.runs.status import Asked, State
from core.shapes import PADDING
from core.training.trainer import Trainer

Process = ForkServerProcess

# Six steps an epoch of real digits, from a folder of their own: the fixture `few_digits` gives it.
TRAINING, VALIDATION, BATCH = 60, 20, 10
STEPS_PER_EPOCH = TRAINING // BATCH
SMALL: dict[str, object] = {"dataset": "kmnist", "batch_size": BATCH, "device": "cpu", "validate_every": 1}

# Every step has its line, so that all of them can be compared.
EVERY_LINE = Job(intervals=Intervals(report=0.0))

_forkserver = multiprocessing.get_context("forkserver")
_forkserver.set_forkserver_preload(["pytest", "core.training.devices.choice", __name__])


def train(run: Run, images: ImageSet, boundaries: int | None = None, **options: Any) -> Trainer:
    """Train so many boundaries further in this process, or to the goal, and save.

    `options` are those of a Trainer, or the `epochs` that are asked for.
    """
    if (epochs := options.pop("epochs", None)) is not None:
        options["asked"] = [Asked(id=uuid4().hex, epochs=epochs)]
    with run.open_metrics() as metrics:
        trainer = Trainer(run, images, "cpu", metrics, **options)
        for _ in islice(trainer.steps(), boundaries):
            pass
        trainer.save()
    return trainer


def fork(work: Callable[..., object], *arguments: object) -> Process:
    """A process that does this work, on top of everything that a trainer imports."""
    process = _forkserver.Process(target=work, args=arguments, daemon=True)
    process.start()
    return process


def begin(run: Run, job: Job = EVERY_LINE, environment: Mapping[str, str] = MappingProxyType({})) -> Process:
    """A trainer's process of this run, with these variables in its environment."""
    return fork(work, run.path, job, dict(environment))


def begin_group(runs: Sequence[Run], job: Job = EVERY_LINE) -> Process:
    """One process that trains several runs in turns."""
    return fork(work_in_turns, [run.path for run in runs], job)


def begin_together(run: Run, count: int, job: Job = EVERY_LINE) -> list[Process]:
    """So many processes that train one run, as torchrun starts them."""
    port = free_port()
    return [begin(run, job, place(rank, count, port)) for rank in range(count)]


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        return int(free.getsockname()[1])


def place(rank: int, count: int, port: int) -> dict[str, str]:
    """The place of a process among those that train one run, in the variables that torchrun sets."""
    number = {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(count)}
    return number | {"MASTER_ADDR": "localhost", "MASTER_PORT": str(port)}


def work(path: Path, job: Job, environment: Mapping[str, str]) -> None:
    """Be a trainer's process of the run in this folder."""
    os.environ.update(environment)
    torch.set_num_threads(1)
    run = Run(path)
    log = os.open(run.log_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(log, 1)
    os.dup2(log, 2)
    if find_place(run.config().processes).rank > 0:
        trainer_process.follow(run, job)
    else:
        sys.exit(trainer_process.train([run], job))


def work_in_turns(paths: Sequence[Path], job: Job) -> None:
    """Be a process that trains the runs in these folders."""
    torch.set_num_threads(1)
    sys.exit(trainer_process.train([Run(path) for path in paths], job))


def finish(run: Run, job: Job = EVERY_LINE) -> None:
    """Train to the end, undisturbed, in a process of its own."""
    process = begin(run, job)
    process.join(60)
    assert (process.exitcode, run.state()) == (0, State.FINISHED), run.log_path.read_text()


def send_signal(process: Process, number: signal.Signals) -> None:
    """Signal a process that was started."""
    assert process.pid is not None
    os.kill(process.pid, number)


def wait_while_alive(process: Process, condition: Callable[[], object]) -> None:
    """Return once the condition is true or the process has ended."""
    while process.is_alive() and not condition():
        time.sleep(0.0005)


def wait_until_at_work(run: Run, process: Process) -> None:
    """Return once this very process is the trainer of the run, so that its signal handlers stand."""
    wait_while_alive(process, lambda: run.status().pid == process.pid)
    assert process.is_alive(), run.log_path.read_text()


def write_few_digits(folder: Path) -> Path:
    """The folder, holding a few digits of MNIST in torchvision's layout of kmnist."""
    raw = folder / "KMNIST" / "raw"
    raw.mkdir(parents=True)
    digits = load_image_set("mnist-5k")
    for part, count, images, labels in (
        ("train", TRAINING, digits.train_images, digits.train_labels),
        ("t10k", VALIDATION, digits.validation_images, digits.validation_labels),
    ):
        content = pad(images[:count], (-PADDING,) * 4).contiguous().numpy().tobytes()
        (raw / f"{part}-images-idx3-ubyte").write_bytes(struct.pack(">4I", 0x803, count, 28, 28) + content)
        content = labels[:count].to(torch.uint8).numpy().tobytes()
        (raw / f"{part}-labels-idx1-ubyte").write_bytes(struct.pack(">2I", 0x801, count) + content)
    return folder
