"""What a user does with the queue: have a run wait in it, move it there, take it out, say how many train at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from core.errors import RunError
from core.jobs.queue.register import Register, locked, read_register, write_register
from core.jobs.queue.starting import Waiting, reasons, start_waiting, waiting_runs
from core.runs.keeping.queued import new_entry, remove_entry, write_entry
from core.runs.run import Run
from core.runs.status import State

PATIENCE_SECONDS = 30.0  # with who starts runs


@contextmanager
def _changing() -> Iterator[Register]:
    """The register, which nobody else changes in there, and no run is started. Raises RunError or OSError."""
    try:
        with locked(PATIENCE_SECONDS):
            yield read_register()
    except BlockingIOError:
        raise RunError("somebody else is starting runs of the queue; try again") from None


@contextmanager
def queueing(runs_dir: Path) -> Iterator[None]:
    """What is queued in there in this folder is known to be there, whatever ends this process."""
    with _changing() as register:
        folders = dict.fromkeys([*register.folders, str(runs_dir.absolute())])
        write_register(register.model_copy(update={"folders": tuple(folders)}))
        yield


def enter(run: Run) -> None:
    """Have a new run wait, as `fill` of its making."""
    write_entry(run.path, new_entry())


def enqueue(
    run: Run, epochs: int | None = None, learning_rate: float | None = None, data_dir: Path | None = None
) -> None:
    """Have a run wait that is there already, and no trainer has. Raises RunError or OSError."""
    with queueing(run.path.parent):
        if run.state() is State.QUEUED:
            raise RunError(f"{run.name} waits in the queue already")
        write_entry(run.path, new_entry(epochs, learning_rate, data_dir))


def place_of(run: Run) -> int | None:
    """How many runs of its folder and host are started before it, and itself; None where it does not wait."""
    return _place(run, waiting_runs(run.path.parent))


def _place(run: Run, waiting: Sequence[Waiting]) -> int | None:
    host = next((each.entry.host for each in waiting if each.run == run), None)
    names = [each.run.name for each in waiting if each.entry.host == host]
    return names.index(run.name) + 1 if run.name in names else None


def standing(run: Run) -> str:
    """The place of a run and why it does not begin, in a line; empty where it does not wait. Raises OSError."""
    waiting = waiting_runs(run.path.parent)
    place = _place(run, waiting)
    if place is None:
        return ""
    why = reasons([each for each in waiting if each.run == run])[run]
    return f"number {place} in the queue{why and f': {why}'}"


def move(run: Run, places: int) -> int:
    """Have a run be started so many places earlier, or later above 0; the place it has then. Raises RunError."""
    with _changing():
        waiting = waiting_runs(run.path.parent)
        mine = next((each for each in waiting if each.run == run), None)
        if mine is None:
            raise RunError(f"{run.name} does not wait in the queue")
        others = [each for each in waiting if each.entry.host == mine.entry.host and each is not mine]
        before = sum(waiting.index(each) < waiting.index(mine) for each in others)
        place = min(max(0, before + places), len(others))
        if place != before:
            write_entry(run.path, mine.entry.model_copy(update={"order": _between(others, place)}))
    return place + 1


def _between(others: list[Waiting], place: int) -> float:
    """An order by which a run stands before the one at that place, and behind the one before that."""
    orders = [each.entry.order for each in others]
    if place == 0:
        return orders[0] - 1
    if place == len(orders):
        return orders[-1] + 1
    return (orders[place - 1] + orders[place]) / 2


def leave(run: Run) -> None:
    """Have a run wait no more. Raises RunError or OSError."""
    with _changing():
        state = run.state()
        if state is not State.QUEUED:
            hint = f"; it trains: vae-tui control {run.name} stop" if state.active else ""
            raise RunError(f"{run.name} does not wait in the queue{hint}")
        remove_entry(run.path)


def set_at_once(number: int | None) -> None:
    """Have so many runs train at a time on each GPU and on the processor; None as usual. Raises RunError or OSError."""
    with _changing() as register:
        write_register(register.model_copy(update={"at_once": number}))
    start_waiting()


def set_paused(paused: bool) -> None:
    """Have nothing that waits begin until this is undone, whatever ends; what trains goes on. As `set_at_once`."""
    with _changing() as register:
        write_register(register.model_copy(update={"paused": paused}))
    start_waiting()
