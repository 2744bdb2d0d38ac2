"""The order of a list of runs: by any quantity, those that have none last."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from core.runs.choosing.quantities import KINDS, Value, find_quantity

if TYPE_CHECKING:
    from core.runs.catalog import RunSummary

PARTS = re.compile(r"(\d{1,18})")
Key = tuple[tuple[int, float, str], ...]


def in_order(runs: Sequence[RunSummary], name: str, *, descending: bool = False) -> list[RunSummary]:
    """The runs by that quantity; equal ones stay as they are. Raises KeyError where there is no such quantity."""
    name, quantity, _ = find_quantity(name)
    keys = {run.run: _key(quantity(run)) for run in runs}
    if kind := KINDS.get(name):
        keys = {run.run: (*_key(kind(run)), *keys[run.run]) if keys[run.run] else () for run in runs}
    known = [run for run in runs if keys[run.run]]
    ordered = sorted(known, key=lambda run: keys[run.run], reverse=descending)
    return [*ordered, *(run for run in runs if not keys[run.run])]


def _key(value: Value) -> Key:
    """What a value is ordered by, with numbers in texts as numbers; empty for none."""
    if value is None or value != value:
        return ()
    if isinstance(value, int | float):
        return ((0, float(value), ""),)
    text = " ".join(value) if isinstance(value, tuple) else value
    parts = enumerate(PARTS.split(text.casefold()))
    return tuple((0, float(part), "") if place % 2 else (1, 0.0, part) for place, part in parts) if text else ()
