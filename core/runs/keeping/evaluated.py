"""What was measured of a run, read without PyTorch for lists and comparisons; core.evaluation.kept writes it."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core import files
from core.errors import DamagedFile

LARGEST = 1 << 20  # bytes
LARGEST_NUMBER = 2**53  # of what is counted
MARKED = 1 << 16  # bytes of a file of weights; each step of a training changes all tensors


@dataclass(frozen=True)
class Evaluated:
    """An evaluation in short.

    `figures` are means by the names of the metrics. `newest`: whether the newest weights were measured, None where that
    was not kept. `features` says which classifier's features samples were compared in: distances in others are others.
    """

    sampler: str
    samples: int
    epoch: int | None = None
    newest: bool | None = None
    features: str = ""
    figures: Mapping[str, float] = field(default_factory=dict)

    @property
    def frechet(self) -> float | None:
        """The Fréchet distance of samples, where it was measured."""
        return self.figures.get("frechet_samples")


def mark_of(content: bytes) -> str:
    """What tells a file of weights from those before and after it, read from its beginning: no checksum of tensors."""
    return hashlib.sha256(len(content).to_bytes(8, "big") + content[:MARKED]).hexdigest()[:16]


def mark_on_disk(weights: Path) -> str:
    """The mark of the weights in a file; nothing where there are none. Raises DamagedFile or OSError."""
    try:
        size, content = files.beginning(weights, MARKED)
    except FileNotFoundError:
        return ""
    return hashlib.sha256(size.to_bytes(8, "big") + content).hexdigest()[:16]


def read_evaluated(path: Path, weights: Path) -> tuple[Evaluated, ...]:
    """The evaluations that are kept in a file, the newest first; nothing where there are none.

    `weights` is the file that the newest weights are in. What a newer version wrote otherwise is left out. Raises
    DamagedFile or OSError.
    """
    try:
        content = files.read(path, LARGEST)
    except FileNotFoundError:
        return ()
    try:
        results = json.loads(content)["results"]
        mark = mark_on_disk(weights)
        return tuple(_in_short(each, mark) for each in results)
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise DamagedFile(path, "holds something else than evaluations") from error


def _in_short(kept: Mapping[str, Any], newest: str) -> Evaluated:
    found, mark, epoch = kept["evaluation"], kept.get("mark"), kept.get("epoch")
    return Evaluated(
        sampler=str(found["sampler"])[:40],
        samples=_count(found["samples"]),
        epoch=None if epoch is None else _count(epoch),
        newest=mark == newest if mark else None,
        features=str(found["classifier"].get("sha256", ""))[:64] if found.get("classifier") else "",
        figures={name: value for name, each in found.items() if (value := _mean(each)) is not None},
    )


def _count(value: Any) -> int:
    """A number of epochs or images. Raises ValueError, TypeError or OverflowError."""
    count = int(value)
    if not 0 <= count <= LARGEST_NUMBER:
        raise ValueError("a number is out of all bounds")
    return count


def _mean(value: Any) -> float | None:
    """A figure, be it a number or a mean with its spread; None for anything else."""
    mean = value.get("mean") if isinstance(value, dict) else value
    return float(mean) if isinstance(mean, int | float) and math.isfinite(mean) else None


def suiting(found: tuple[Evaluated, ...], sampler: str) -> Evaluated | None:
    """The newest one with the sampler that suits a run, else the newest of all; None without any."""
    return next((each for each in found if each.sampler == sampler), next(iter(found), None))
