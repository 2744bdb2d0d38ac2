"""Are samples copies? Each with the training image nearest to it, and validation images in the same way beside them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core.arrays import Images, evenly_spaced
from core.explorer.protocol import Explorer
from core.explorer.results import Neighbours, Samples
from core.runs.run import Run
from tui import export, formatting
from tui.commands import printing

ACROSS = 4  # on each side of a picture


@dataclass(frozen=True, eq=False)
class Matched:
    """Images (N, 28, 28), and the training image that is nearest to each."""

    images: Images
    found: Neighbours

    @property
    def median(self) -> float:
        """Of the distances."""
        return float(np.median(self.found.distances))

    @property
    def pairs(self) -> Images:
        """Each image above the one nearest to it, (N, 2, 28, 28)."""
        return np.stack([self.images, self.found.images[:, 0]], axis=1)

    @property
    def captions(self) -> list[str]:
        """The class and the distance of the nearest images."""
        return [nearest for (nearest,) in formatting.neighbours(self.found)]


def match(explorer: Explorer, samples: Samples) -> tuple[Matched, Matched]:
    """Samples and as many validation images, evenly chosen, with the training images nearest to them."""
    places = evenly_spaced(explorer.page(0, 1).total, len(samples.images)).tolist()
    held_out = np.concatenate([explorer.page(place, 1).originals for place in places])
    drawn, real = (Matched(each, explorer.neighbours(each, 1)) for each in (samples.images, held_out))
    return drawn, real


def show(run: Run, source: str, samples: Matched, held_out: Matched, out: Path | None) -> None:
    """Both, one below the other on a terminal, side by side in a picture, or as a table."""
    if out is None:
        printing.print_heading(run, f"samples from {source}")
        total = samples.found.total
        print(f"below each the nearest of {total:,} training images, its class, how far its pixels are", flush=True)
        print(f"samples, in the median {samples.median:.2f}:", flush=True)
        printing.print_tiles(samples.pairs, samples.captions)
        print(f"validation images, in the median {held_out.median:.2f}:", flush=True)
        printing.print_tiles(held_out.pairs, held_out.captions)
    elif export.suffix_of(out) == ".png":
        picture = side_by_side(samples.pairs, held_out.pairs)
        export.save_picture(out, picture, 2 * ACROSS + 1, replace=True)
    else:
        export.save_table(out, _table(samples, held_out), replace=True)
    printing.print_written(out)


def side_by_side(left: Images, right: Images) -> Images:
    """Pairs (N, 2, H, W) of both as rows of images, to be laid out in nine columns of which the middle one is empty."""
    rows = -(-max(len(left), len(right)) // ACROSS)
    laid: Images = np.zeros((rows, 2, 2 * ACROSS + 1, *left.shape[2:]), np.float32)
    for pairs, first in ((left, 0), (right, ACROSS + 1)):
        for place, pair in enumerate(pairs):
            laid[place // ACROSS, :, first + place % ACROSS] = pair
    return laid.reshape(-1, *left.shape[2:])


def _table(*sides: Matched) -> dict[str, np.ndarray]:
    found = [side.found for side in sides]
    kinds = [np.repeat(kind, len(side.images)) for kind, side in zip(("sample", "validation"), sides, strict=True)]
    return {
        "of": np.concatenate(kinds),
        "number": np.concatenate([np.arange(len(side.images)) for side in sides]),
        "nearest": np.concatenate([each.indices[:, 0] for each in found]),
        "class": np.concatenate([each.labels[:, 0] for each in found]),
        "distance": np.concatenate([each.distances[:, 0] for each in found]),
    }
