"""All budgets of the design, measured one after the other: `python -m tests.benchmarks`, or `vae-tui bench`.

Figures mean something on an otherwise idle machine only.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

import torch

from tests.benchmarks import curves, latents, training, viewer
from tests.benchmarks.figures import Figure, show

PARTS = ("training", "viewer", "curves", "latents")


def measure(part: str, quick: bool) -> list[Figure]:
    """The figures of one part; quick ones are too short to rely on."""
    seconds, rounds = (0.5, 1) if quick else (3.0, 7)
    parts: dict[str, Callable[[], list[Figure]]] = {
        "training": lambda: _training(seconds, rounds),
        "viewer": lambda: viewer.measure(seconds=2.0 if quick else 20.0, rounds=1 if quick else 5),
        "curves": lambda: curves.measure(lines=10_000 if quick else 1_000_000),
        "latents": lambda: latents.measure(points=1_000 if quick else 10_000),
    }
    return parts[part]()


def _training(seconds: float, rounds: int) -> list[Figure]:
    devices = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
    return [figure for device in devices for figure in training.measure("ae", device, seconds, rounds)]


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="vae-tui bench", description=__doc__)
    parser.add_argument("--only", choices=PARTS, action="append", help="this part; may be given again")
    parser.add_argument("--quick", action="store_true", help="small sizes, to see that it works")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    figures = []
    for part in given.only or PARTS:
        print(f"measuring: {part}", file=sys.stderr, flush=True)
        figures += measure(part, given.quick)
    show(figures, given.json)


if __name__ == "__main__":
    main()
