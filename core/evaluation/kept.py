"""Evaluations that stay: in a file of their own in the run, each with the checksum of the weights it belongs to."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from core import files
from core.errors import DamagedFile
from core.evaluation.results import Evaluation
from core.latents.options import SAMPLERS

LARGEST = 1 << 20  # bytes
MOST = 24  # evaluations that are kept
Key = tuple[object, ...]


class KeptEvaluation(BaseModel):
    """An evaluation of the weights with this checksum, which were saved after so many epochs where they say it.

    `mark` tells their file from others without a look at the tensors: lists go by it. `seeds` are those that samples
    were drawn with; files of older versions have only their number, in the evaluation: they were those from 0 on.
    """

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    weights: Annotated[str, Field(max_length=64)]
    epoch: Annotated[int, Field(ge=0, le=10**9)] | None
    mark: Annotated[str, Field(max_length=64)] = ""
    note: Annotated[str, Field(max_length=1000)] = ""
    seeds: tuple[int, ...] = ()
    evaluation: Evaluation

    @property
    def key(self) -> Key:
        """What it was measured with; a newer one with the same takes its place."""
        of = self.evaluation
        options = tuple(sorted((of.sampling_options or {}).items()))
        return of.sampler, options, of.samples, of.draws, of.dataset


class Stored(BaseModel):
    """The file: the newest evaluation first."""

    results: Annotated[tuple[KeptEvaluation, ...], Field(max_length=MOST)] = ()


def read(path: Path) -> tuple[KeptEvaluation, ...]:
    """What was kept, the newest first; nothing where nothing was. Raises DamagedFile or OSError."""
    try:
        content = files.read(path, LARGEST)
    except FileNotFoundError:
        return ()
    try:
        found = Stored.model_validate_json(content).results
    except ValidationError as error:
        raise DamagedFile(path, "holds something else than evaluations") from error
    return tuple(each for each in found if each.evaluation.sampler in SAMPLERS)  # a newer version may know others


def keep(path: Path, new: KeptEvaluation) -> None:
    """Put an evaluation in front of those before, and in place of one with the same key. Raises OSError."""
    before: tuple[KeptEvaluation, ...] = ()
    with suppress(DamagedFile):  # nothing of that can be shown, and this is true
        before = read(path)
    others = [each for each in before if each.key != new.key]
    stored = Stored(results=(new, *others[: MOST - 1]))
    files.replace(path, stored.model_dump_json(indent=1).encode())
