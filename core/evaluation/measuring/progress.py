"""How far an evaluation is, as a share of all its work, and the figures that are there already."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from torch import Tensor

from core.data.images import pixels

BATCH = 250
# What is done to an image, in the time that it takes to classify one on a CPU.
CLASSIFIED, ENCODED, DECODED, DENOISED = 1.0, 1.7, 2.2, 4.0
COMPARED = 1.3e-3  # for each pair of two images whose distance is taken, of all that a comparison takes
Report = Callable[[str], object]
Show = Callable[[Mapping[str, Any]], object]


def ignore(_: object) -> None:
    """Reports to nobody."""


class Progress:
    """Tells `report` what is being done after the share of `work` that is done, and `show` all figures so far."""

    def __init__(self, work: float, report: Report = ignore, show: Show = ignore) -> None:
        self._work, self._done = work, 0.0
        self._report, self._show = report, show
        self._figures: dict[str, Any] = {}

    def say(self, words: str, ahead: float = 0.0) -> None:
        """What is done now; `ahead` is the part of its work that is over and not told as done yet."""
        share = min((self._done + ahead) / self._work, 0.99)
        self._report(f"{share:.0%}, {words}")

    def did(self, work: float) -> None:
        """So much more is done."""
        self._done += work

    def found(self, **figures: Any) -> None:
        """These are known, under the names of the metrics, be it of fewer seeds than are wanted."""
        self._figures |= figures
        self._show(dict(self._figures))

    def batches(self, items: Tensor, what: str, cost: float) -> Iterator[Tensor]:
        """The items in batches; each is counted as done, at this cost, when the next is asked for."""
        for number, batch in enumerate(items.split(BATCH)):
            self.say(f"{what}: {number * BATCH:,} of {len(items):,}")
            yield batch
            self.did(len(batch) * cost)

    def pixels(self, images: Tensor, what: str, cost: float) -> Iterator[Tensor]:
        """The same of images uint8 (N, 32, 32), as networks take them."""
        return map(pixels, self.batches(images, what, cost))
