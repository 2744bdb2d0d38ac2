"""Several runs that differ in a few settings, trained some at a time and compared afterwards."""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from core.errors import ConfigError, UserError, describe
from core.jobs import launch
from core.runs.catalog import RunSummary, summarise
from core.runs.config import RunConfig, check_name, check_values, stamp
from core.runs.run import Run
from core.runs.settings import SETTINGS
from core.runs.status import State

# What may differ between a run on disk and the planned member of the same name.
INCIDENTAL = {"created", "versions", "device", "data_dir"}
MEMBERS_LIMIT = 1000


@dataclass(frozen=True)
class Member:
    """One run of a sweep; `varied` holds the settings in which it differs from others."""

    run: Run
    config: RunConfig
    varied: Mapping[str, object]


@dataclass(frozen=True)
class Group:
    """Members that differ in nothing but the seed, with the mean and standard deviation of their validation losses."""

    varied: Mapping[str, object]
    losses: Sequence[float]

    @property
    def mean(self) -> float:
        return statistics.fmean(self.losses) if self.losses else math.nan

    @property
    def deviation(self) -> float | None:
        """The sample standard deviation, None for fewer than two."""
        return statistics.stdev(self.losses) if len(self.losses) > 1 else None


def plan(runs_dir: Path, stem: str, choices: Mapping[str, Sequence[str]], fixed: Mapping[str, object]) -> list[Member]:
    """A member for every combination of the choices, in their order. Raises ConfigError, DamagedFile or OSError.

    Runs that are there already must be the ones planned.
    """
    if math.prod(len(values) for values in choices.values()) > MEMBERS_LIMIT:
        raise ConfigError({"sweep": f"a sweep must have at most {MEMBERS_LIMIT:,} runs"})
    several = [setting for setting, values in choices.items() if len(values) > 1]
    members: dict[str, Member] = {}
    for values in itertools.product(*choices.values()):
        config = check_values(**dict(zip(choices, values, strict=True)), **fixed)
        varied = {setting: getattr(config, setting) for setting in several}
        name = "-".join([stem, *(f"{SETTINGS[setting].prefix}{value}" for setting, value in varied.items())])
        run = Run(runs_dir.absolute() / check_name(name))
        if name in members:
            raise ConfigError({"sweep": f"a sweep must not train {name} twice"})
        if run.path.exists() and not _same(run.config(), config):
            raise ConfigError({"name": f"name {name} is taken by a run with other settings: {run.path}"})
        members[name] = Member(run, config, varied)
    return list(members.values())


def _same(one: RunConfig, other: RunConfig) -> bool:
    return one.model_dump(exclude=INCIDENTAL) == other.model_dump(exclude=INCIDENTAL)


def parse_values(text: str) -> list[str]:
    """The values of a list such as `1e-3,3e-4` or `0-4,7`, as text; only whole numbers have ranges."""
    values: list[str] = []
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        if dash and first.isdecimal() and last.isdecimal() and len(first + last) < 20:
            if int(last) < int(first):
                raise ConfigError({"sweep": f"a range must begin with the smaller number, not {part.strip()}"})
            if int(last) - int(first) >= MEMBERS_LIMIT:
                raise ConfigError({"sweep": f"a sweep must have at most {MEMBERS_LIMIT:,} runs, not {part}"})
            values += map(str, range(int(first), int(last) + 1))
        else:
            values.append(part.strip())
    return values


class Sweep:
    """Trains the members, one in each slot at a time; a slot is the name of a device.

    Finished members are left as they are, and those that were stopped or lost go on. `first_stage` are the weights
    whose latents they learn, where they learn a prior.
    """

    def __init__(
        self, members: Sequence[Member], slots: Sequence[str], threads: int | None, first_stage: bytes | None = None
    ) -> None:
        self.members = members
        self._threads, self._first_stage = threads, first_stage
        self._waiting = [member for member in members if not _is_done(member)]
        self._free = list(slots)
        self._busy: dict[str, tuple[str, launch.TrainerProcess]] = {}
        self.failures: dict[str, str] = {}

    @property
    def active(self) -> bool:
        """Whether there is anything left to train."""
        return bool(self._waiting or self._busy)

    def advance(self) -> None:
        """Note what ended, and start what there is room for."""
        for name, (slot, worker) in list(self._busy.items()):
            if worker.ended:
                del self._busy[name]
                self._free.append(slot)
        while self._waiting and self._free:
            member = self._waiting.pop(0)
            slot = self._free.pop(0)
            try:
                self._busy[member.run.name] = (slot, self._start(member, slot))
            except (UserError, OSError) as error:
                self.failures[member.run.name] = describe(error)
                self._free.append(slot)

    def stop(self) -> None:
        """Start no more, and ask those that train to save and stop."""
        self._waiting.clear()
        for name in self._busy:
            run = next(member.run for member in self.members if member.run.name == name)
            if run.state().active:
                launch.send_request(run, "stop")

    def _start(self, member: Member, slot: str) -> launch.TrainerProcess:
        run = member.run
        if run.path.exists():
            return launch.resume(run, threads=self._threads)
        config = stamp(member.config.model_copy(update={"device": slot}))
        run = Run.create(run.path.parent, run.name, config, self._first_stage)
        return launch.start(run, threads=self._threads)

    def summaries(self) -> Iterator[tuple[Member, RunSummary | None]]:
        """Each member, and its run in short once there is one."""
        for member in self.members:
            yield member, summarise(member.run) if member.run.path.exists() else None


def _is_done(member: Member) -> bool:
    return member.run.path.exists() and member.run.state() is State.FINISHED


def groups(members: Sequence[Member], loss: Callable[[Member], float | None]) -> list[Group]:
    """The finished members, those together that differ in the seed only."""
    found: dict[tuple[tuple[str, object], ...], list[float]] = {}
    for member in members:
        key = tuple((setting, value) for setting, value in member.varied.items() if setting != "seed")
        value = loss(member)
        found.setdefault(key, []).extend([] if value is None else [value])
    return [Group(dict(key), losses) for key, losses in found.items()]
