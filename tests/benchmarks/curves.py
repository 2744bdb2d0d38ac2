"""What a long run costs its viewer: opening its metrics, following them, and drawing the curves.

`python -m tests.benchmarks.curves [--lines 1000000] [--json]`
"""

from __future__ import annotations

import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from unittest.mock import patch

import numpy as np
import psutil
from textual.strip import Strip

from core.runs.catalog import summarise
from core.runs.config import make_config
from core.runs.metrics.lines import EPOCH_COLUMNS, STEP_COLUMNS
from core.runs.metrics.reader import MetricsReader
from core.runs.run import Run
from tests.benchmarks.figures import Figure, run_alone
from tui import quantities, run_axis, series
from tui.background.snapshots import columns
from tui.drawing.plots.plot import draw_curves
from tui.messages import Snapshot

# The plots of the training screen in a terminal of 120x40; the first shows the loss.
SIZES = {"loss": (86, 11), "reconstruction": (42, 11), "kl": (43, 11)}
STEPS_PER_LINE, STEPS_PER_EPOCH = 40, 469
VALIDATIONS = 100
NEW_LINES = 10
ROUNDS = 9


def measure(lines: int) -> list[Figure]:
    """Opening a run of so many step lines, polling it, and drawing it."""
    with tempfile.TemporaryDirectory() as folder, patch.dict(os.environ, XDG_CACHE_HOME=folder):
        run = Run.create(folder, "a-run", make_config(preset="vae", epochs=100_000))
        run.write_status(run.status().model_copy(update={"steps_per_epoch": STEPS_PER_EPOCH}))
        write(run.metrics_path, lines)
        reader = MetricsReader(run.metrics_path)
        figures = [opening(reader, run.metrics_path, lines), polling(reader, run.metrics_path, lines)]
        figures.append(opening_again(run.metrics_path, lines))
        steps, epochs = columns(reader.steps, STEP_COLUMNS), columns(reader.epochs, EPOCH_COLUMNS)
        snapshot = Snapshot(summarise(run), steps, epochs)
        return [*figures, drawing(snapshot, lines), smoothing(snapshot, lines)]


def opening(reader: MetricsReader, path: Path, lines: int) -> Figure:
    """The first poll, which reads all that there is."""
    process = psutil.Process()
    before, start = process.memory_info().rss, time.perf_counter()
    reader.poll()
    passed = time.perf_counter() - start
    grown = process.memory_info().rss - before
    assert len(reader.steps) == lines
    detail = f"a file of {path.stat().st_size / 1e6:,.0f} MB; the resident memory grows by {grown / 1e6:,.0f} MB"
    return Figure(f"opening a run of {lines:,} step lines", passed, "s", "at most", 2.0, detail)


def opening_again(path: Path, lines: int) -> Figure:
    """The first poll of another reader, after the run grew: of a long file, what was read before is kept."""
    times = [milliseconds(MetricsReader(path).poll) / 1000 for _ in range(ROUNDS)]
    detail = f"{min(times):.3f} to {max(times):.3f} s in {ROUNDS} rounds"
    return Figure(f"again opening a run of {lines:,} step lines", statistics.median(times), "s", "at most", 0.5, detail)


def polling(reader: MetricsReader, path: Path, lines: int) -> Figure:
    """The polls that follow, with and without news."""
    idle = statistics.median(milliseconds(reader.poll) for _ in range(ROUNDS))
    busy = []
    for round_ in range(ROUNDS):
        with path.open("a") as file:
            file.writelines(step_lines(lines + round_ * NEW_LINES, NEW_LINES))
        busy.append(milliseconds(reader.poll))
    assert len(reader.steps) == lines + ROUNDS * NEW_LINES
    name = f"polling {NEW_LINES} new step lines after {lines:,}"
    detail = f"{min(busy):.2f} to {max(busy):.2f} ms in {ROUNDS} rounds; {idle:.2f} ms when nothing is new"
    return Figure(name, statistics.median(busy), "ms", "at most", 5.0, detail)


def drawing(snapshot: Snapshot, lines: int) -> Figure:
    """The plot of the loss, from the columns of a snapshot to the lines of the screen."""
    imported = milliseconds(lambda: draw(snapshot, "loss"))
    times = [milliseconds(lambda: draw(snapshot, "loss")) for _ in range(ROUNDS)]
    smooth = statistics.median(milliseconds(lambda: draw(snapshot, "loss", weight=0.99)) for _ in range(ROUNDS))
    together = statistics.median(milliseconds(lambda: [draw(snapshot, part) for part in SIZES]) for _ in range(ROUNDS))
    name = f"drawing the loss of {lines:,} step lines at {'x'.join(map(str, SIZES['loss']))}"
    detail = f"{min(times):.1f} to {max(times):.1f} ms in {ROUNDS} rounds; smoothed {smooth:.1f}"
    detail += f"; all {len(SIZES)} plots of the screen {together:.1f}; the first, with the import, {imported:.0f}"
    return Figure(name, statistics.median(times), "ms", "at most", 10.0, detail)


def smoothing(snapshot: Snapshot, lines: int) -> Figure:
    """The same plot once more when another weight of the smoothing is chosen."""
    draw_again(snapshot, "loss")
    times = [milliseconds(partial(draw_again, snapshot, "loss", weight)) for weight in series.WEIGHTS[1:]]
    name = f"drawing it with another weight of the smoothing, of {lines:,}"
    detail = f"{min(times):.1f} to {max(times):.1f} ms with {len(times)} weights"
    return Figure(name, statistics.median(times), "ms", "at most", 10.0, detail)


def draw(snapshot: Snapshot, part: str, weight: float = 0.0) -> list[Strip]:
    """A plot as the training screen asks for it when it has a new snapshot."""
    return draw_again(replace(snapshot), part, weight)  # nothing is known of it yet


def draw_again(snapshot: Snapshot, part: str, weight: float = 0.0) -> list[Strip]:
    """A plot of a snapshot that was seen before."""
    options = series.CurveOptions(weight=weight)
    axis = run_axis.x_axis([snapshot])
    drawn = series.run_curves([snapshot], part, options, axis)
    title, shown = quantities.TITLES[part], axis.range_of(1.0)
    return draw_curves(drawn, *SIZES[part], title=title, x_label=axis.label, x_range=shown).strips


def milliseconds(do: Callable[[], object]) -> float:
    """How long it takes."""
    start = time.perf_counter()
    do()
    return 1000 * (time.perf_counter() - start)


def write(path: Path, lines: int) -> None:
    """A metrics file with so many step lines, and epoch lines with validations spread among them."""
    part = -(-lines // VALIDATIONS)
    with path.open("w") as file:
        for first in range(0, lines, part):
            count = min(part, lines - first)
            file.writelines(step_lines(first, count))
            file.write(epoch_line(first + count))


def step_lines(first: int, count: int) -> Iterator[str]:
    """Step lines with a loss that falls and then flickers, with as many digits as a trainer writes."""
    step = STEPS_PER_LINE * (first + np.arange(count))
    chance = np.random.default_rng(first)
    reconstruction = 20 + 500 / (1 + step / 500) + chance.standard_normal(count)
    kl = 17 + chance.standard_normal(count) / 4
    rate = 10_000 + 100 * chance.standard_normal(count)
    for row in zip(step.tolist(), reconstruction.tolist(), kl.tolist(), rate.round(1).tolist(), strict=True):
        step_, reconstruction_, kl_, rate_ = row
        yield (
            f'{{"kind":"step","epoch":{step_ // STEPS_PER_EPOCH},"step":{step_},"time":{step_ / 80},'
            f'"loss":{reconstruction_ + kl_},"reconstruction":{reconstruction_},"kl":{kl_},'
            f'"learning_rate":0.001,"images_per_second":{rate_}}}\n'
        )


def epoch_line(lines: int) -> str:
    """The line of the epoch that ends after so many step lines."""
    step = STEPS_PER_LINE * lines
    values = dict.fromkeys(EPOCH_COLUMNS, 40.0) | {"step": step, "epoch": step // STEPS_PER_EPOCH}
    return json.dumps({"kind": "epoch"} | values) + "\n"


def main() -> None:
    """The command line."""
    run_alone(__doc__, measure, lines=1_000_000)


if __name__ == "__main__":
    main()
