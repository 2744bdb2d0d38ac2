"""All budgets of the design, measured one after the other: `python -m tests.benchmarks`, or `vae-tui bench`.

Figures mean something on an otherwise idle machine only. They are kept in the user's state folder, and shown beside
those of the last time on a machine of the same kind.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path

import torch

from tests.benchmarks import curves, history, latents, memory, others, training, viewer
from tests.benchmarks.figures import Figure, as_json, show
from tests.benchmarks.machine import machine, others_percent

PARTS = ("training", "others", "viewer", "curves", "latents")
IDLE_PERCENT = 10.0


def measure(part: str, quick: bool) -> list[Figure]:
    """The figures of one part; quick ones are too short to rely on."""
    seconds, rounds = (0.5, 1) if quick else (2.0, 7)
    parts: dict[str, Callable[[], list[Figure]]] = {
        "training": lambda: _training(seconds, rounds),
        "others": lambda: others.measure(0.5 if quick else 4.0, 1 if quick else 3, most=2 if quick else 12),
        "viewer": lambda: [
            *viewer.measure(seconds=2.0 if quick else 20.0, rounds=1 if quick else 5),
            *memory.measure(turns=1 if quick else 2),
        ],
        "curves": lambda: curves.measure(lines=10_000 if quick else 1_000_000),
        "latents": lambda: latents.measure(points=1_000 if quick else 10_000),
    }
    return parts[part]()


def _training(seconds: float, rounds: int) -> list[Figure]:
    devices = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
    contests = [(preset, device) for device in devices for preset in training.PRESETS]
    return [figure for contest in contests for figure in training.measure(*contest, seconds, rounds)]


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="vae-tui bench", description=__doc__)
    parser.add_argument("--only", choices=PARTS, action="append", help="this part; may be given again")
    parser.add_argument("--quick", action="store_true", help="small sizes, to see that it works; not kept")
    parser.add_argument("--against", type=Path, metavar="FILE", help="compare with what --json printed there")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    found = machine()
    try:
        past = history.read(given.against) if given.against else history.last_on(found)
    except (OSError, ValueError) as error:
        parser.error(f"{given.against or history.path()}: {error}")
    if (busy := others_percent()) > IDLE_PERCENT:
        print(f"others use {busy:.0f} % of this machine: the figures will mean little", file=sys.stderr)
    figures = []
    for part in given.only or PARTS:
        print(f"measuring: {part}", file=sys.stderr, flush=True)
        figures += measure(part, given.quick)
    record = as_json(figures, found | {"others_percent": busy}, past)
    if not given.quick:
        history.append(record)
    if given.json:
        print(json.dumps(record, indent=2))
    else:
        show(figures, record["machine"], past)


if __name__ == "__main__":
    main()
