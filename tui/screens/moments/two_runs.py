"""Two runs at moments of their trainings that are alike."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from core.explorer.protocol import Explorer
from core.runs.run import Run
from core.runs.snapshots.folder import Snapshot, snapshots_of
from core.text import printable
from tui import formatting
from tui.messages import Moment

T = TypeVar("T")


def nearest_snapshot(run: Run, epoch: float) -> Snapshot | None:
    """The snapshot of a run that is nearest to an epoch; None where it has none. Raises OSError."""
    return min(snapshots_of(run), key=lambda snapshot: abs(snapshot.epoch - epoch), default=None)


def beside(
    question: Callable[[Explorer, Explorer], T],
    swapped: bool,
    other: Run,
    open_other: Callable[[], Explorer],
    moments: Sequence[Moment],
) -> Callable[[Explorer], tuple[T, float | None]]:
    """What to ask of a run at one of its moments and of another one at its nearest: the answer, and which that is.

    The question takes the left one first, which is the selected one unless they are swapped. None stands for the newest
    weights: where that is asked, and where the other run has no snapshots.
    """
    epochs = {moment.step: moment.epoch for moment in moments}

    def ask(selected: Explorer) -> tuple[T, float | None]:
        epoch = None if selected.moment is None else epochs.get(selected.moment)
        then = None if epoch is None else nearest_snapshot(other, epoch)
        others = open_other().at(then.step if then else None)
        answer = question(others, selected) if swapped else question(selected, others)
        return answer, then.epoch if then else None

    return ask


def name_at(run: Run, epoch: float | None) -> str:
    """The name of a run, and the moment, None for its newest weights."""
    return f"{printable(run.name)} {'now' if epoch is None else f'at {formatting.moment(epoch)}'}"
