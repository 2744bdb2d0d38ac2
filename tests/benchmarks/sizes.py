"""Cost against size, as a chart: `python -m tests.benchmarks.sizes PICTURE.png`."""

from __future__ import annotations

import sys
from pathlib import Path

from matplotlib.figure import Figure as Picture

from tests.benchmarks import curves, latents
from tests.benchmarks.figures import Figure
from tests.benchmarks.machine import machine

LINES = (1_000, 10_000, 100_000, 1_000_000)
POINTS = (1_000, 3_000, 10_000, 30_000, 100_000)


def milliseconds(figure: Figure) -> float:
    """The figure on one scale with the others."""
    return 1000 * figure.value if figure.unit == "s" else figure.value


def main(path: Path) -> None:
    """Measure at every size and write the chart."""
    by_lines = [curves.measure(lines) for lines in LINES]
    by_points = [latents.measure(points) for points in POINTS]
    picture = Picture(figsize=(10, 4), layout="constrained")
    left, right = picture.subplots(1, 2)
    for place, name in enumerate(("opening", "polling 10 new lines", "drawing the loss")):
        left.loglog(LINES, [milliseconds(figures[place]) for figures in by_lines], "o-", label=name)
    for place, name in enumerate(("discriminants, projecting and drawing", "projecting and drawing")):
        right.loglog(POINTS, [milliseconds(figures[place]) for figures in by_points], "o-", label=name)
    left.set_xlabel("step lines of a run")
    right.set_xlabel("latents in the plane")
    for axes in (left, right):
        axes.set_ylabel("milliseconds")
        axes.grid(alpha=0.3)
        axes.legend()
    found = machine()
    picture.suptitle(f"{found['processor']}, {found['date']}", fontsize="small")
    picture.savefig(path, dpi=110)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
