"""The status that a trainer writes, and how its process is told from others."""

from __future__ import annotations

import os
import re
import time
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal, TypedDict, Unpack, get_args

import psutil
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo

# A trainer beats once a second; imports and a slow disk may hold it up for much longer.
HEARTBEAT_SECONDS = 1.0
LOST_AFTER_SECONDS = 60.0
MOST_ASKED = 100
Count = Annotated[int, Field(ge=0, le=2**53)]
Clock = Annotated[float, Field(ge=-1e12, le=1e12)]
Inode = Annotated[int, Field(ge=0, lt=2**64)]
Text = Annotated[str, Field(max_length=10_000)]
# Why a training failed, where something can be done about it.
Cause = Literal["diverged", "memory"]
CAUSES: tuple[Cause, ...] = get_args(Cause)


class State(StrEnum):
    """Where a run stands. Three are never on disk: a reader concludes LOST and QUEUED, UNKNOWN is a newer version's."""

    CREATED = "created"
    RUNNING = "running"
    PAUSED = "paused"
    STOPPED = "stopped"
    FINISHED = "finished"
    FAILED = "failed"
    LOST = "lost"
    QUEUED = "queued"
    UNKNOWN = "unknown"

    @classmethod
    def _missing_(cls, value: object) -> State | None:
        return cls.UNKNOWN if isinstance(value, str) and re.fullmatch(r"[a-z][a-z-]{0,39}", value) else None

    @property
    def active(self) -> bool:
        """Whether a trainer process has the run."""
        return self in (State.RUNNING, State.PAUSED)


def _known_cause(value: object, info: ValidationInfo) -> object:
    """A cause that a newer version wrote is none to act on."""
    return None if info.mode == "json" and isinstance(value, str) and value not in CAUSES else value


class DeviceLoad(BaseModel):
    """How busy the training device is: utilisation in percent, memory in bytes."""

    model_config = ConfigDict(frozen=True)

    utilisation: Annotated[float, Field(ge=0, le=100_000)]
    memory_used: Count
    memory_total: Count


class GpuFigures(BaseModel):
    """A GPU as NVML sees it, None where it cannot be read.

    `card` is its number there, utilisation in percent, memory in bytes, temperature in degrees Celsius, power in watts.
    """

    model_config = ConfigDict(frozen=True)

    card: Count | None = None
    utilisation: Annotated[float, Field(ge=0, le=100)] | None = None
    memory_used: Count | None = None
    memory_total: Count | None = None
    temperature: Annotated[float, Field(ge=-300, le=1000)] | None = None
    power: Annotated[float, Field(ge=0, le=1e6)] | None = None


class Asked(BaseModel):
    """What `resume` asked for: a new goal, another learning rate. A state in which that is saved names the id."""

    model_config = ConfigDict(frozen=True)

    id: Annotated[str, Field(max_length=100)]
    epochs: Annotated[int, Field(ge=1, le=2**53)] | None = None
    learning_rate: Annotated[float, Field(gt=0, le=1)] | None = None


class Status(BaseModel):
    """status.json. Clocks are seconds: `heartbeat` since 1970, `uptime` since the host started.

    `boot` is the kernel's number of its start, `folder` the inode of the run's folder; `locked` whether the trainer
    could lock the run, `begun` whether it has done a step; `done_request` is the number of the last request that was
    done, `base_learning_rate` the rate that was asked for, before any schedule, `reason` why it finished before its
    goal, `queued` the entry of the queue that the trainer began with, `asked` what no save holds yet, `job` a
    cluster's, `left_out` how many pictures are skipped. Earlier versions wrote none.
    """

    model_config = ConfigDict(frozen=True)

    state: State
    pid: Annotated[int, Field(ge=1, le=2**31)] | None = None
    process_started: Clock | None = None
    host: Text = ""
    boot: Text | None = None
    pid_namespace: Inode | None = None
    folder: Inode | None = None
    locked: bool | None = None
    heartbeat: Clock = 0.0
    uptime: Clock = 0.0
    activity: Text = ""
    epoch: Count = 0
    epochs: Count = 0
    step: Count = 0
    steps_per_epoch: Count = 0
    begun: bool = False
    saved_step: Count | None = None
    images_per_second: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    learning_rate: Annotated[float, Field(ge=0, le=1)] | None = None
    base_learning_rate: Annotated[float, Field(gt=0, le=1)] | None = None
    device: Text = ""
    device_name: Text = ""
    device_load: DeviceLoad | None = None
    gpu: GpuFigures | None = None
    handled: Text | None = None
    done_request: Count | None = None
    error: Text | None = None
    reason: Text | None = None
    queued: Text | None = None
    asked: Annotated[tuple[Asked, ...], Field(max_length=MOST_ASKED)] = ()
    job: Text | None = None
    left_out: Text = ""
    cause: Annotated[Cause | None, BeforeValidator(_known_cause)] = None

    @property
    def trainer(self) -> tuple[object, ...]:
        """Which process wrote it, of all processes there ever were."""
        return self.pid, self.process_started, self.host, self.boot, self.pid_namespace

    @property
    def unguarded(self) -> str:
        """What a user should know where the trainer could not lock the run, else nothing."""
        return (
            "" if self.locked in (True, None) else "files cannot be locked there: nothing but its heartbeat guards it"
        )

    def updated(self, **changes: Unpack[StatusChanges]) -> Status:
        """The status with these fields changed. Raises pydantic's ValidationError for a value that readers refuse."""
        return Status.model_validate(dict(self) | dict(changes), strict=True)


class StatusChanges(TypedDict, total=False):
    """The fields of Status that a trainer changes, for a type checker."""

    state: State
    pid: int
    process_started: float | None
    host: str
    boot: str | None
    pid_namespace: int | None
    folder: int | None
    locked: bool | None
    heartbeat: float
    uptime: float
    activity: str
    epoch: int
    epochs: int
    step: int
    steps_per_epoch: int
    begun: bool
    left_out: str
    saved_step: int
    images_per_second: float
    learning_rate: float
    base_learning_rate: float | None
    device: str
    device_name: str
    device_load: DeviceLoad | None
    gpu: GpuFigures | None
    handled: str
    done_request: int
    error: str | None
    reason: str | None
    queued: str | None
    asked: tuple[Asked, ...]
    job: str | None
    cause: Cause | None


def uptime() -> float:
    """Seconds since this host started; unlike the time of day, it cannot be set."""
    return time.monotonic()


def boot_id() -> str | None:
    """A number of this start of this kernel, which its containers share; None where the system tells none."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip() or None
    except (OSError, ValueError):
        return None


def pid_namespace() -> int | None:
    """A number of the namespace in which this process's pid counts; None where the system tells none."""
    try:
        return Path("/proc/self/ns/pid").stat().st_ino
    except OSError:
        return None


def process_started(pid: int) -> float | None:
    """When the process with this pid started, in seconds since the host did; None when it is gone, or hidden."""
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        return process.create_time() - psutil.boot_time()
    except (psutil.Error, OSError):  # a hardened container shows neither others' processes nor when it started
        return None


def is_same_process(pid: int, started: float | None) -> bool:
    """Whether that process lives, rather than a later one with the same pid."""
    found = process_started(pid)
    if found is None:
        return False
    # The boot time is known to a second only.
    return started is None or abs(found - started) < 2.0


def is_gone(pid: int) -> bool:
    """Whether no process of this namespace has this pid, be it hidden from this user."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    with suppress(psutil.Error, OSError):
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    return False
