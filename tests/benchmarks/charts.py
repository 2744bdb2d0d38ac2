"""Charts of cost against size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure as Picture
from matplotlib.ticker import MaxNLocator

# Curves by name, each a list of (size, cost).
Series = dict[str, list[tuple[float, float]]]
COLUMNS = 2


def draw(parts: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Write a picture with one chart for each part."""
    rows = -(-len(parts) // COLUMNS)
    picture = Picture(figsize=(10, 3.2 * rows), layout="constrained")
    places = list(picture.subplots(rows, COLUMNS, squeeze=False).flat)
    for axes, part in zip(places, parts, strict=False):
        chart(axes, part)
    for axes in places[len(parts) :]:
        axes.set_axis_off()
    found = sorted({f"{part['machine']['processor']}, {part['machine']['date'][:10]}" for part in parts})
    picture.suptitle("; ".join(found), fontsize="small")
    picture.savefig(path, dpi=100)


def chart(axes: Axes, part: Mapping[str, Any]) -> None:
    """Its curves; sizes and costs that span more than a factor of fifty on logarithmic scales."""
    series: Series = part["series"]
    for name, points in series.items():
        axes.plot(*zip(*points, strict=True), "o-", label=name)
    sizes, costs = zip(*(point for points in series.values() for point in points), strict=True)
    for values, set_scale, set_limit in (
        (sizes, axes.set_xscale, axes.set_xlim),
        (costs, axes.set_yscale, axes.set_ylim),
    ):
        if min(values) > 0 and max(values) > 50 * min(values):
            set_scale("log")
        else:
            set_limit(0, 1.1 * max(values))
    if axes.get_xscale() == "linear":
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))  # also large numbers have room
    axes.set_xlabel(part["across"])
    axes.set_ylabel(part["up"])
    axes.grid(alpha=0.3)
    if len(series) > 1:
        axes.legend(fontsize="small")
