"""The names of runs in a folder: which is free, and giving a run another one."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path


def unused_name(runs_dir: Path | str, stem: str) -> str:
    """The stem itself, or with the next number that follows those in use. Raises OSError."""
    try:
        return next_name(stem, (path.name for path in Path(runs_dir).iterdir()))
    except FileNotFoundError:
        return stem


def next_name(stem: str, taken: Iterable[str]) -> str:
    """The stem, or the stem with a number above all numbers taken."""
    used = [re.fullmatch(rf"{re.escape(stem)}(?:-(\d+))?", name) for name in taken]
    numbers = [int(match[1] or 1) for match in used if match]
    return f"{stem}-{max(numbers) + 1}" if numbers else stem
