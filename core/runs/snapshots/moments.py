"""The moments at which a run keeps its weights: at even distances on a logarithmic scale, however long it trains.

They depend on nothing but the number of finished steps, so a run that is killed, resumed or given more epochs has those
of one that trained straight on.
"""

from __future__ import annotations

from functools import lru_cache

from core.runs.settings import Settings

FIRST = 32  # parts of an epoch, one of which is over at the first moment
PER_DOUBLING = 4  # moments, while the steps double
LARGEST = 8_000_000  # bytes of all snapshots of a run
OF_PARAMETER, OF_FILE = 4, 1 << 14  # bytes: float32, and what describes them with the statistics of the layers
FEWEST = 3  # fewer tell nothing of a training
GOLDEN = 0.618034


def most_kept(settings: Settings) -> int:
    """How many snapshots a run with these settings keeps. Raises RunError for a preset of a newer version."""
    most = min(settings.snapshots, LARGEST // size_of(settings))
    return most if most >= FEWEST else 0


def size_of(settings: Settings) -> int:
    """The bytes that a snapshot takes at most. As `most_kept`."""
    return OF_PARAMETER * settings.parameters + OF_FILE


def next_moment(step: int, steps_per_epoch: int) -> int:
    """The first moment after that step at which a snapshot is taken; some are thinned out later."""
    number = 0
    while (moment := _moment(number, steps_per_epoch)) <= step:
        number += 1
    return moment


@lru_cache(8)
def kept_at(step: int, steps_per_epoch: int, most: int) -> frozenset[int]:
    """The moments until that step whose snapshots are kept then, at most so many; the newest is one of them."""
    kept: list[int] = []
    number = 0
    while (moment := _moment(number, steps_per_epoch)) <= step:
        if not kept or moment > _moment(kept[-1], steps_per_epoch):
            kept.append(number)
        if len(kept) > most:
            del kept[_closest(kept)]
        number += 1
    return frozenset(_moment(number, steps_per_epoch) for number in kept)


def _moment(number: int, steps_per_epoch: int) -> int:
    return round(max(1.0, steps_per_epoch / FIRST) * 2 ** (number / PER_DOUBLING))


def _closest(kept: list[int]) -> int:
    """The place of the moment without which the others are most even; the first and the newest are never it."""
    # Of many that are equal, each time another part of the training loses one.
    return min(
        range(1, len(kept) - 1),
        key=lambda place: (kept[place + 1] - kept[place - 1], kept[place] * GOLDEN % 1),
    )
