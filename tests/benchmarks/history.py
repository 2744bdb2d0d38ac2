"""What was measured before: one line of JSON for each time, in a file of the user."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core import folders
from tests.benchmarks.figures import Before
from tests.benchmarks.machine import KIND


def path() -> Path:
    """Where the history is kept."""
    return folders.state_dir() / "bench.jsonl"


def append(record: Mapping[str, Any]) -> None:
    """Keep what was measured. Raises OSError."""
    path().parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with path().open("a") as file:
        file.write(json.dumps(record) + "\n")


def last_on(found: Mapping[str, object]) -> dict[str, Before]:
    """For each figure by name what it was last on a machine of the same kind. Raises OSError."""
    past: dict[str, Before] = {}
    lines = path().read_text().splitlines() if path().exists() else []
    for number, line in enumerate(lines, 1):
        try:
            record = json.loads(line)
            alike = all(record["machine"].get(name) == found[name] for name in KIND)
            past |= figures_of(record) if alike else {}
        except (ValueError, LookupError, TypeError, AttributeError):
            print(f"{path()}: line {number} is not what this version writes", file=sys.stderr)
    return past


def read(kept: Path) -> dict[str, Before]:
    """The figures that `--json` printed into a file, by name. Raises OSError, or ValueError when it holds others."""
    try:
        return figures_of(json.loads(kept.read_text()))
    except (LookupError, TypeError, AttributeError) as error:
        raise ValueError(f"not what vae-tui bench --json prints: no {error}") from error


def figures_of(record: Mapping[str, Any]) -> dict[str, Before]:
    """The values of a record by their names. Raises LookupError, TypeError, ValueError or AttributeError."""
    date = str(record["machine"]["date"])
    return {str(line["name"]): Before(float(line["value"]), date) for line in record["figures"]}
