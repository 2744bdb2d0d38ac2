"""Several runs that differ in a few settings, trained some at a time or together, and compared afterwards."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from core.errors import ConfigError, DamagedFile, RunError, UserError, describe
from core.jobs import launch
from core.jobs.queue.together import INCIDENTAL, shared_kind
from core.jobs.queue.waiting import enter, leave, queueing
from core.jobs.search import Choice, Span, draw_trials, every_combination
from core.jobs.trainer.limit import TimeLimit
from core.jobs.trainer.orders import SWEEP_STOPPED
from core.runs.catalog import RunSummary, find_runs, summarise
from core.runs.choosing.groups import sweep_key
from core.runs.config import RunConfig, check_name, check_values, stamp
from core.runs.requests import STOP_SWEEP
from core.runs.run import Run, Share
from core.runs.settings import SETTINGS
from core.runs.status import State

LEAST_SECONDS = 10.0  # before a time limit, in which no trainer would come to a step


@dataclass(frozen=True)
class Member:
    """One run of a sweep; `varied` holds the settings in which it differs from others.

    `device` is that of a run which is there already.
    """

    run: Run
    config: RunConfig
    varied: Mapping[str, object]
    device: str | None = None

    def kind(self, device: str) -> dict[str, object] | None:
        """What it has in common with those that can share its step on a device; None where nobody can."""
        return shared_kind(self.config, device) if self.device in (None, device) else None


def plan(runs_dir: Path, stem: str, choices: Mapping[str, Choice], fixed: Mapping[str, object]) -> list[Member]:
    """A member for every combination of the choices, in their order. Raises ConfigError, DamagedFile or OSError."""
    combinations = every_combination(choices)
    several = [setting for setting in choices if len({each[setting] for each in combinations}) > 1]
    return _members(runs_dir, stem, combinations, several, fixed)


def plan_trials(
    runs_dir: Path, stem: str, choices: Mapping[str, Choice], fixed: Mapping[str, object], trials: int, seed: int
) -> list[Member]:
    """The members of a random search: so many draws of the choices, each with every seed. Raises as `plan`."""
    several = [name for name, choice in choices.items() if isinstance(choice, Span) or len(choice) > 1]
    if not set(several) - {"seed"}:
        wanted = "left out where no setting has several values or a range, such as --beta 0.1..1"
        raise ConfigError({"trials": f"trials must be {wanted}"})
    return _members(runs_dir, stem, draw_trials(choices, trials, seed), several, fixed)


def _members(
    runs_dir: Path,
    stem: str,
    combinations: Sequence[Mapping[str, str]],
    several: Sequence[str],
    fixed: Mapping[str, object],
) -> list[Member]:
    """A member for each combination. Runs that are there already must be the ones planned."""
    members: dict[str, Member] = {}
    for values in combinations:
        config = check_values(**values, **fixed).model_copy(update={"sweep": stem})
        varied = {setting: getattr(config, setting) for setting in several}
        name = "-".join([stem, *(f"{SETTINGS[setting].prefix}{value}" for setting, value in varied.items())])
        run = Run(runs_dir.absolute() / check_name(name))
        if name in members:
            raise ConfigError({"sweep": f"a sweep must not train {name} twice"})
        found = run.config() if run.path.exists() else None
        if found is not None and not _same(found, config):
            raise ConfigError({"name": f"name {name} is taken by a run with other settings: {run.path}"})
        members[name] = Member(run, config, varied, None if found is None else found.device)
    return list(members.values())


def _same(one: RunConfig, other: RunConfig) -> bool:
    return one.model_dump(exclude=INCIDENTAL) == other.model_dump(exclude=INCIDENTAL)


@dataclass(frozen=True)
class Started:
    """Members that one process trains, and the slots that they take."""

    members: Sequence[Member]
    slots: Sequence[str]
    process: launch.TrainerProcess


class Sweep:
    """Trains the members; a slot is the name of a device, and takes `together` at a time if they can share a step.

    Where several slots are free on a device, those that can share a step are trained by one process too. Finished
    members are left as they are, and those that were stopped or lost go on. `first_stage` are the weights whose latents
    they learn, where they learn a prior. Within a `limit` all save and stop, and none is begun shortly before it.
    """

    def __init__(
        self,
        members: Sequence[Member],
        slots: Sequence[str],
        threads: int | None,
        first_stage: bytes | None = None,
        together: int = 1,
        share: Share | None = None,
        on_finish: str | None = None,
        limit: TimeLimit | None = None,
    ) -> None:
        self.members, self._share, self._on_finish, self._limit = members, share, on_finish, limit
        self._threads, self._first_stage = threads, first_stage
        self._waiting = [member for member in members if not _is_done(member)]
        self._free = list(slots)
        # Every GPU has its part, rather than the first one all.
        self._together = max(1, min(together, -(-len(self._waiting) // max(1, len(slots)))))
        self._busy: list[Started] = []
        self.failures: dict[str, str] = {}
        self.was_stopped = False  # by `stop_member`, so that nothing more is begun

    @property
    def active(self) -> bool:
        """Whether there is anything left to train."""
        return bool(self._waiting or self._busy)

    def advance(self) -> None:
        """Note what ended, end what does not begin in time, and start what there is room for."""
        for started in list(self._busy):
            if not started.process.ended and started.process.is_late:
                reason = started.process.complaint()
                self.failures |= {member.run.name: reason for member in started.members}
                started.process.end()
            if started.process.ended:
                self._busy.remove(started)
                self._free += started.slots
                if any(_stopped_with_all(member.run) for member in started.members):
                    self.was_stopped = True
                    self._waiting.clear()
        if self._limit is not None and self._limit.left < LEAST_SECONDS:
            self._waiting.clear()
        while self._waiting and self._free:
            device = self._free[0]
            members = self._next(device)
            for member in members:
                self._waiting.remove(member)
            slots = [device] * -(-len(members) // self._together)
            for slot in slots:
                self._free.remove(slot)
            self._start(members, slots)

    def _next(self, device: str) -> list[Member]:
        """The next member, and those that can share its step on the device, as many as there is room for."""
        first, *others = self._waiting
        kind = first.kind(device)
        alike = [other for other in others if kind is not None and other.kind(device) == kind]
        return [first, *alike][: self._together * self._free.count(device)]

    def _start(self, members: Sequence[Member], slots: Sequence[str]) -> None:
        """Start one process for these members; note what cannot be started."""
        ready = []
        for member in members:
            try:
                self._prepare(member, slots[0])
            except (UserError, OSError) as error:
                self.failures[member.run.name] = describe(error)
            else:
                ready.append(member)
        try:
            if ready:
                first, *others = (member.run for member in ready)
                process = launch.start(
                    first,
                    threads=self._threads,
                    others=others,
                    data_dir=_data_dir(ready[0]),
                    on_finish=self._on_finish,
                    time_limit=None if self._limit is None else self._limit.left,
                )
                self._busy.append(Started(ready, slots, process))
                return
        except (UserError, OSError) as error:
            self.failures |= {member.run.name: describe(error) for member in ready}
        self._free += slots

    def _prepare(self, member: Member, device: str) -> None:
        """Make its run, or have the one that is there wait for a trainer."""
        run = member.run
        if run.path.exists():
            launch.prepare_resume(run, data_dir=_data_dir(member))
        else:
            config = stamp(member.config.model_copy(update={"device": device}))
            Run.create(run.path.parent, run.name, config, self._first_stage, self._share)

    def stop(self) -> None:
        """Start no more, and have those that train save and stop; those that have not begun are ended."""
        self._waiting.clear()
        for started in self._busy:
            started.process.end()

    def save(self) -> None:
        """Have those that train save."""
        for started in self._busy:
            for member in started.members:
                with suppress(RunError):  # it has not begun yet, or ended just now
                    launch.send_request(member.run, "save")

    def end_unbegun(self) -> None:
        """End trainers that have not begun, which nobody else knows of."""
        for started in self._busy:
            if not started.process.has_begun:
                started.process.end()

    @property
    def ended_by_limit(self) -> bool:
        """Whether nothing but the time limit keeps it from being finished. Raises DamagedFile or OSError."""
        if self._limit is None or self.failures or self.was_stopped:
            return False
        there = [member.run.last_status() for member in self.members if member.run.path.exists()]
        undone = [status for status in there if status.state is not State.FINISHED]
        return not any(status.error for status in undone) and (
            any(status.reason for status in undone) or self._limit.left < LEAST_SECONDS
        )

    def summaries(self) -> Iterator[tuple[Member, RunSummary | None]]:
        """Each member, and its run in short once there is one."""
        for member in self.members:
            yield member, summarise(member.run) if member.run.path.exists() else None


def enqueue(
    members: Sequence[Member],
    first_stage: bytes | None = None,
    share: Share | None = None,
    enter: Callable[[Run], None] = enter,
) -> list[Run]:
    """Have those members wait in the queue that are neither finished nor trained, and wait not yet; these.

    `enter` says for whom. Raises UserError or OSError; those before it wait.
    """
    entered = []
    with queueing(members[0].run.path.parent):
        for member in members:
            run = member.run
            if not run.path.exists():
                Run.create(run.path.parent, run.name, stamp(member.config), first_stage, share, enter)
            elif run.state() in (State.FINISHED, State.RUNNING, State.PAUSED, State.QUEUED):
                continue
            else:
                launch.prepare_resume(run, data_dir=_data_dir(member))
                enter(run)
            entered.append(run)
    return entered


def stop_member(run: RunSummary) -> None:
    """Take a run that waits out of the queue; have one that trains, or begins to, save and stop, and its whole sweep.

    Raises RunError, DamagedFile or OSError.
    """
    if run.state is State.QUEUED:
        leave(run.run)
    else:
        run.run.request(STOP_SWEEP)


def company(members: Sequence[Member], stem: str) -> str:
    """Which other runs of that name and data set belong to the same sweep, in a line; nothing where none does."""
    runs_dir, key = members[0].run.path.parent, sweep_key(members[0].config)
    planned, others = {member.run for member in members}, 0
    for run in find_runs(runs_dir):
        with suppress(DamagedFile, OSError):  # the list of runs says so
            others += run not in planned and sweep_key(run.config()) == key
    count = f"{others} other run{'s' * (others != 1)}"
    return f"{stem} has {count} already: all belong to one sweep; --name names another" if others else ""


def _data_dir(member: Member) -> Path | None:
    return None if member.config.data_dir is None else Path(member.config.data_dir)


def _stopped_with_all(run: Run) -> bool:
    status = run.last_status()
    return status.state is State.STOPPED and status.reason == SWEEP_STOPPED


def _is_done(member: Member) -> bool:
    return member.run.path.exists() and member.run.last_status().state is State.FINISHED
