"""Starts the runs whose turn it is: whoever looks does it, be it a trainer that ends, a viewer or a command."""

from __future__ import annotations

import math
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from core import files
from core.errors import DamagedFile, RunError, UserError, check_packages, describe
from core.jobs import launch
from core.jobs.queue.register import Lock, Register, locked, may_hold_runs, read_register, write_register
from core.jobs.queue.together import MOST_TOGETHER, shared_kind
from core.jobs.queue.trainers import Devices, trainers_here
from core.runs.catalog import folders
from core.runs.config import RunConfig
from core.runs.keeping.queued import QUEUED, Queued, is_ours, read_entry, remove_entry
from core.runs.run import Run
from core.runs.status import State

MOST_TRIES = 5  # of a run whose trainer never begins, or is always lost
STARTS = "its trainer starts"
PAUSED = "the queue is paused"
END_SECONDS = 30.0  # that a trainer which ends waits for others that start runs


@dataclass(frozen=True)
class Waiting:
    """A run that waits, and its entry."""

    run: Run
    entry: Queued


def queued_runs(runs_dir: Path) -> Iterator[Run]:
    """The runs of a folder that have an entry, whoever made it and whatever became of it. Raises OSError.

    Those of folders that this user may not look into, such as lost+found, are left out.
    """
    for name in files.persist(lambda: folders(runs_dir)):
        if _has_entry(runs_dir / name):
            yield Run(runs_dir / name)


def _has_entry(folder: Path) -> bool:
    try:
        return files.exists(folder / QUEUED)
    except PermissionError:
        return False
    except OSError:  # who reads the entry learns why
        return True


def waiting_runs(runs_dir: Path, problems: dict[str, str] | None = None) -> list[Waiting]:
    """Those of a folder that wait, on any host, in the order of the queue. Raises OSError.

    What cannot be read is noted in `problems` by the name of its run.
    """
    found = []
    for run in queued_runs(runs_dir):
        try:
            entry = read_entry(run.path)
            if entry is not None and run.state() is State.QUEUED:
                found.append(Waiting(run, entry))
        except (DamagedFile, OSError) as error:
            if problems is not None:
                problems[run.name] = describe(error)
    return in_turn(found)


def reasons(waiting: Iterable[Waiting]) -> dict[Run, str]:
    """Why each of these does not begin now, in a few words; empty where there is room for it. Raises OSError."""
    trainers, register = trainers_here(), read_register()
    devices = Devices(register.at_once, trainers)
    at_work = {folder for each in trainers for folder in each.folders}
    return {each.run: _reason(each, devices, at_work, register) for each in waiting}


def _reason(each: Waiting, devices: Devices, at_work: Container[str], register: Register) -> str:
    if not each.entry.is_of_this_host:
        return f"{each.entry.host} starts it"
    if str(each.run.path) in at_work:
        return STARTS
    if register.paused:
        return PAUSED
    if refusal := register.refusals.get(each.entry.id):
        return refusal
    try:
        return devices.why_none(each.run.config())
    except (DamagedFile, OSError) as error:
        return describe(error)


def in_turn(waiting: Iterable[Waiting]) -> list[Waiting]:
    """In the order in which they are started."""
    return sorted(waiting, key=lambda each: (each.entry.order, each.run.name))


def start_waiting(runs_dirs: Iterable[Path] = (), seconds: float = 0.0) -> list[Run]:
    """Start what there is room for, in these folders and all that are known to have runs that wait; the runs begun.

    Where somebody else does so for longer than these seconds, nothing is left to be done here. Raises OSError.
    """
    wanted = [*runs_dirs]
    if not may_hold_runs() and not any(_is_ours(run) for each in wanted for run in queued_runs(each)):
        return []
    try:
        with locked(seconds):
            return _start(wanted, ())
    except BlockingIOError:
        return []


_kept: list[Lock] = []


def hand_on(ended: Sequence[Run]) -> list[Run]:
    """As `start_waiting`, by the trainer's process of runs that ended, which is not counted any more.

    It has the lock until its process is gone, so that nobody counts it meanwhile. Raises OSError or DamagedFile.
    """
    with suppress(BlockingIOError):
        _kept.append(Lock(END_SECONDS))
    return _start({run.path.parent for run in ended}, ended)


def _start(runs_dirs: Iterable[Path], ended: Sequence[Run]) -> list[Run]:
    """Start runs, with the lock."""
    register = read_register()
    found, kept = [], []
    for runs_dir in dict.fromkeys([*map(Path, register.folders), *(each.absolute() for each in runs_dirs)]):
        try:
            waiting, is_used = _ours(runs_dir)
        except OSError:  # as of a server that is away
            is_used, waiting = True, []
        found += waiting
        kept += [str(runs_dir)] * is_used
    tries = {each.entry.id: register.tries.get(each.entry.id, 0) for each in found}
    refusals = {name: said for name, said in register.refusals.items() if name in tries}
    register = register.model_copy(update={"folders": tuple(kept), "tries": tries, "refusals": refusals})
    started: list[Run] = []
    if found and not register.paused:
        started, register = _start_in_turn(in_turn(found), register, ended)
    write_register(register)
    return started


def _is_ours(run: Run) -> bool:
    try:
        return is_ours(run.path)
    except OSError:  # it has ended meanwhile, or cannot be looked at
        return False


def _ours(runs_dir: Path) -> tuple[list[Waiting], bool]:
    """The runs of a folder that this user and host are to start, and whether one is being trained or waits."""
    waiting, is_used = [], False
    for run in queued_runs(runs_dir):
        try:
            entry = read_entry(run.path) if is_ours(run.path) else None
            if entry is None or not entry.is_of_this_host:
                continue
            state = run.state()
            if state is State.QUEUED:
                waiting.append(Waiting(run, entry))
            elif not state.active:
                remove_entry(run.path)  # its trainer was killed between its last word and this
                continue
        except (DamagedFile, FileNotFoundError):
            continue
        except OSError:  # its files may be readable the next time, and those of others are
            pass
        is_used = True
    return waiting, is_used


def _start_in_turn(waiting: Sequence[Waiting], register: Register, ended: Sequence[Run]) -> tuple[list[Run], Register]:
    """Start those for which there is room; each attempt is counted before it is made, and not where it failed here.

    What was started, and the register that says so. Raises PackageMissing.
    """
    check_packages()
    gone = {str(run.path) for run in ended}
    trainers = [each for each in trainers_here() if gone.isdisjoint(each.folders)]
    at_work = {folder for each in trainers for folder in each.folders}
    devices = Devices(register.at_once, trainers)
    tries, refusals = dict(register.tries), dict(register.refusals)
    ready: dict[Waiting, RunConfig] = {}
    started: list[Run] = []
    for each in waiting:
        if str(each.run.path) not in at_work:
            try:
                _check_tries(each.run, tries[each.entry.id])
                ready[each] = each.run.training_config()
            except (UserError, OSError) as error:
                refusals[each.entry.id] = _refused(each.run, error)
    while ready:
        first = next(iter(ready))
        config = ready.pop(first)
        room = devices.room.copy()
        device = devices.take(config)
        if device is None:
            refusals.pop(first.entry.id, None)  # it waits for room now, whatever was in its way
            if config.processes > 1:
                break  # nothing that needs less goes ahead of it for ever
            continue
        group = [first, *_alike(first, config, device, ready, devices)]
        counted = tries | {each.entry.id: tries[each.entry.id] + 1 for each in group}
        write_register(register.model_copy(update={"tries": counted}))
        folder = first.entry.data_dir
        try:
            launch.start(
                first.run,
                threads=devices.threads(device),
                others=[each.run for each in group[1:]],
                data_dir=None if folder is None else Path(folder),
                device=device if device.startswith("cuda") else None,
                from_queue=True,
            )
        except (UserError, OSError) as error:
            refusals[first.entry.id] = _refused(first.run, error)
            devices.room = room
        else:
            tries = counted
            for each in group:
                ready.pop(each, None)
                refusals.pop(each.entry.id, None)
                started.append(each.run)
    refusals = {name: said for name, said in refusals.items() if said}
    return started, register.model_copy(update={"tries": tries, "refusals": refusals})


def _check_tries(run: Run, tries: int) -> None:
    """Raise RunError where its trainers ended too often, or OSError."""
    if tries >= MOST_TRIES:
        said = run.last_log_line() or "it wrote nothing into its log, as where it was killed"
        raise RunError(f"its trainer ended {MOST_TRIES} times before it was done: {said}")


def _refused(run: Run, error: UserError | OSError) -> str:
    """Why a run that cannot be started waits on, as what a disk or the system refuses may pass; else it is given up."""
    if isinstance(error, OSError):
        return f"{run.name} could not be started: {describe(error)}"
    try:
        give_up(run, describe(error))
    except OSError as refusal:
        return f"{run.name} cannot be taken out of the queue: {describe(refusal)}; {describe(error)}"
    return ""


def _alike(
    first: Waiting, config: RunConfig, device: str, ready: Mapping[Waiting, RunConfig], devices: Devices
) -> list[Waiting]:
    """The runs that the process of the first one trains in the same step; every free GPU has its part of all."""
    kind = shared_kind(config, device)
    asked = first.entry.epochs, first.entry.learning_rate, first.entry.data_dir
    found = [
        each
        for each, other in ready.items()
        if kind is not None
        and shared_kind(other, device) == kind
        and device in devices.wanted(other)
        and (each.entry.epochs, each.entry.learning_rate, each.entry.data_dir) == asked
    ]
    free = 1 + sum(devices.room[gpu] > 0 for gpu in devices.gpus)
    return found[: min(MOST_TOGETHER, math.ceil((1 + len(found)) / free)) - 1]


def give_up(run: Run, reason: str) -> None:
    """Say in the status of a run why it cannot be started, and take it out of the queue. Raises OSError: it waits."""
    with suppress(DamagedFile, FileNotFoundError):
        run.write_status(run.status().updated(error=f"taken out of the queue: {reason}"[:10_000]))
    remove_entry(run.path)
