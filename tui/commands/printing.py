"""What the screens show of a run, drawn once on a terminal, in plain characters in a pipe, or into a file."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from textwrap import fill
from types import FrameType
from typing import TypeVar

import numpy as np
from rich.console import Console
from rich.segment import Segment, Segments
from rich.style import Style
from rich.text import Text
from textual.strip import Strip

from core import files, folders
from core.arrays import Bools, Images
from core.data import registry
from core.errors import RunError
from core.evaluation.results import METRIC_DESCRIPTIONS, Evaluation
from core.exchange import arrays
from core.explorer.protocol import Explorer
from core.explorer.results import Completions, LatentProjection, ReconstructionPage, Samples
from core.latents.options import GRID, SOURCES, CompletionOptions, Order, SamplingOptions, grid_shape
from core.runs.run import Run
from core.text import printable
from tui import evaluation_table, export, export_plots, formatting, latent_plane
from tui.background.explorers import open_here
from tui.commands.output import ERASE, LowestLines, echo, print_note, print_table
from tui.drawing import classes
from tui.drawing.images import Scale, hatched
from tui.drawing.points import draw_points
from tui.drawing.tiles import CaptionPlacement, Tiling, draw_tiles
from tui.interrupts import leave
from tui.panels import TilePage
from tui.tables import PlainTable
from tui.terminal.capabilities import ColorDepth, color_depth_of
from tui.terminal.graphics import GAP

T = TypeVar("T")
COLUMNS = 8
PLOT_LINES = 30
PIPE_WIDTH = 80
LONGEST_LINE = 120  # of words that are read


def answer(
    run: Run,
    data_dir: Path | None,
    question: Callable[[Explorer], T],
    note_of: Callable[[T], str] | None = None,
    said: Callable[[str], str] = str,
) -> T:
    """The answer to a question about a run. Progress goes to stderr, and so does what to know about the images.

    `said` gives what is shown of the words in which progress is told.

    Raises RunError, DamagedFile, DataError or OSError.
    """
    images = (data_dir or registry.default_data_dir()).absolute()
    folders.leave_deleted()
    elsewhere: list[str] = []
    run.config(), run.read_weights()  # what is wrong with a run is said before PyTorch is loaded
    with progress() as report:
        explorer = open_here(run, images, lambda words: report(said(words)), elsewhere.append)
        found = question(explorer)
    if note := note_of(found) if note_of else explorer.note:
        print_note(note)
    for words in dict.fromkeys(elsewhere):
        print_note(words)
    return found


def show_reconstructions(run: Run, page: ReconstructionPage, label: int | None, order: Order, out: Path | None) -> None:
    """Validation images with their reconstructions and errors."""
    tiles = page.stacks()
    if out is None:
        which = "all classes" if label is None else f"class {formatting.class_title(label, page.classes)}"
        how = "worst first" if order == "worst" else "by index"
        last = page.first + len(page.indices)
        print_heading(run, f"validation images, {which}, {how}: {page.first + 1:,} to {last:,} of {page.total:,}")
        print_tiles(tiles, formatting.page_captions(page))
    elif export.suffix_of(out) == ".png":
        columns = min(COLUMNS, len(tiles))
        rows = [tiles[first : first + columns].swapaxes(0, 1) for first in range(0, len(tiles), columns)]
        rows[-1] = np.pad(rows[-1], ((0, 0), (0, columns - rows[-1].shape[1]), (0, 0), (0, 0)))
        export.save_picture(out, np.concatenate(rows).reshape(-1, *tiles.shape[2:]), columns, replace=True)
    else:
        table = {"index": page.indices, "class": page.labels, "squared_error": page.errors}
        export.save_table(out, table, replace=True)
    print_written(out)


def show_samples(
    run: Run, samples: Samples, sampler: str, options: SamplingOptions, temperature: float, seed: int, out: Path | None
) -> None:
    """New digits."""
    if out is None:
        print_heading(run, f"samples from {drawn_from(sampler, options, temperature, seed)}")
        print_tiles(samples.images[:, None], across=grid_shape(len(samples.images))[1] if sampler == GRID else None)
    elif out.suffix.lower() == arrays.SUFFIX:
        asked = {} if options.digit is None else {"labels": np.full(len(samples.latents), options.digit)}
        drawn = {} if sampler == GRID else {"seed": seed}
        files.replace(out.absolute(), arrays.to_npz(images=samples.images, latents=samples.latents, **drawn, **asked))
    elif export.suffix_of(out) == ".png":
        columns = grid_shape(len(samples.images))[1] if sampler == GRID else COLUMNS
        export.save_picture(out, samples.images, min(columns, len(samples.images)), replace=True)
    else:
        numbers = {f"z{number}": column for number, column in enumerate(samples.latents.T)}
        export.save_table(out, {"sample": np.arange(len(samples.latents))} | numbers, replace=True)
    print_written(out)


def drawn_from(sampler: str, options: SamplingOptions, temperature: float, seed: int) -> str:
    """Where samples come from, in words."""
    source = SOURCES[sampler] + (f": {formatting.sampling_options(options)}" if sampler == "learned" else "")
    return f"{source}, temperature {temperature:g}" + (f", seed {seed}" if sampler != GRID else "")


def show_completions(
    run: Run, image: Images, hidden: Bools, found: Completions, options: CompletionOptions, out: Path | None
) -> None:
    """What the model saw of a digit, and its answers."""
    tiles = np.concatenate([hatched(image, hidden)[None], found.images])[:, None]
    preset, captions = run.config().preset_record, ["seen", *formatting.completions(found)]
    how = f"{formatting.completed_by(options, preset)}, {formatting.completion_asked(options, preset)}"
    if out is None:
        print_heading(run, f"{how}; error: of the pixels seen")
        print_tiles(tiles, captions)
    elif export.suffix_of(out) == ".png":
        title = f"{printable(run.name)}\n{how}; error: of the pixels seen"
        export_plots.save_tiles(out, TilePage(tiles, min(COLUMNS, len(tiles)), captions, title), replace=True)
    else:
        taken = {} if found.digits is None else {"digit": found.digits}
        numbers = {f"z{number}": column for number, column in enumerate(found.latents.T)}
        table = {"answer": np.arange(options.count), "squared_error": found.errors} | taken | numbers
        export.save_table(out, table, replace=True)
    print_written(out)


def show_projection(run: Run, plane: LatentProjection, out: Path | None) -> None:
    """The latents in the plane."""
    if out is None:
        print_heading(run, ", ".join(filter(None, latent_plane.title(plane))))
        console, depth = terminal()
        x_label, y_label = plane.projection.axes
        lines = min(PLOT_LINES, console.height - 3) if console.is_terminal else PLOT_LINES
        points, labels, width = plane.points, plane.labels, console.width
        count = len(plane.classes)
        strips = draw_points(points, labels, width, lines, x_label=x_label, y_label=y_label, depth=depth, count=count)
        print_strips(console, strips)
    elif export.suffix_of(out) == ".png":
        export_plots.save_projection(out, run.name, plane, replace=True)
    else:
        export.save_table(out, latent_plane.columns(plane), replace=True)
    print_written(out)


def print_evaluation(run: Run, evaluation: Evaluation) -> None:
    """A row for each metric: its value, its standard deviation over the seeds and what it means."""
    seeds, options, images = evaluation.draws, evaluation.sampling_options, evaluation.dataset
    images += ", binarised" if evaluation.likelihood == "bernoulli" else ""
    print_heading(run, evaluation_table.conditions(evaluation.sampler, evaluation.samples, seeds, images, options))
    table = PlainTable("metric", "value", "±", "meaning", box=None, pad_edge=False)
    for metric, meaning in evaluation_table.that_were_measured(METRIC_DESCRIPTIONS, [evaluation]).items():
        value, deviation = evaluation_table.cells(evaluation, metric)
        numbers = Text(value, justify="right"), Text(deviation, justify="right")
        table.add_row(evaluation_table.name_shown(metric), *numbers, Text(meaning))
    print_table(table)
    if evaluation.classes:
        print(f"\n{fill(f'{classes.MEANING}:', min(terminal()[0].width, LONGEST_LINE))}", flush=True)
        print_table(classes.class_table(evaluation))
    if evaluation.asked:
        print(f"\n{classes.CONFUSION_MEANING}:", flush=True)
        print_table(classes.confusion_table(evaluation))
    print()
    echo("; ".join(filter(None, (evaluation_table.classifier(evaluation), evaluation.classifier.get("command")))))
    if why := evaluation_table.without_likelihood(evaluation):
        echo(why)


def print_written(out: Path | None) -> None:
    if out is not None:
        echo(f"written: {out}")


@contextmanager
def progress() -> Iterator[Callable[[str], None]]:
    """Shows words, each in place of those before, on a line of a terminal that is empty at the end, or on ctrl+c."""
    console = Console(stderr=True)
    line = LowestLines(console)

    def erase_and_leave(number: int, frame: FrameType | None) -> None:
        os.write(2, ERASE.encode())  # stderr itself may be busy
        leave(number, frame)

    def report(words: str) -> None:
        if console.is_terminal and not console.is_dumb_terminal:
            line.draw(Text(words, no_wrap=True, overflow="crop"))

    before = signal.signal(signal.SIGINT, erase_and_leave)
    try:
        yield report
    finally:
        signal.signal(signal.SIGINT, before)
        line.erase()


def terminal() -> tuple[Console, ColorDepth]:
    """Standard output, and what it shows."""
    console = Console(highlight=False)
    if not console.is_terminal:  # rich would take the width of a terminal that another stream has
        columns = os.environ.get("COLUMNS", "")
        console = Console(highlight=False, width=int(columns) if columns.isdecimal() else PIPE_WIDTH)
    return console, color_depth_of(console, sys.stdout, no_color=console.no_color)


def print_heading(run: Run, facts: str) -> None:
    print(f"{printable(run.name)}: {facts}", flush=True)


def print_tiles(tiles: Images, names: Sequence[str] = (), across: int | None = None) -> None:
    """Tiles (N, K, H, W), eight or fewer in a line, at full size where eight fit; or `across` in each line.

    Raises RunError where the terminal is too narrow.
    """
    console, depth = terminal()
    count, images, high, wide = tiles.shape
    captions: CaptionPlacement = "below" if names else "none"
    for scale in (Scale(1, 1), Scale(1, 2), Scale(1, 4)):
        cells = wide * scale.up // scale.down
        columns = min(across or COLUMNS, (console.width + GAP) // (cells + GAP))
        if columns == (across or COLUMNS) or (across is None and columns and scale.down > 1):
            break
    else:
        takes = f"a digit takes {cells}"
        if across:
            takes = (
                f"{across} digits side by side take {across * (cells + GAP) - GAP}; --out writes them into a picture"
            )
        raise RunError(f"the terminal has {console.width} columns, {takes}")
    tiling = Tiling(columns, -(-count // columns), scale, cells, images * high)
    print_strips(console, draw_tiles(tiles, tiling, Style(), depth, names=names, captions=captions))


def print_strips(console: Console, strips: Iterable[Strip]) -> None:
    """Lines of cells; what is drawn only in colours is plain characters elsewhere."""
    for strip in strips:
        console.print(Segments([*strip, Segment.line()]), soft_wrap=True)
