"""Tables of runs and image sets for the command line."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from core.data import SetOnDisk
from core.summary import RunSummary
from tui import wording


def print_runs(summaries: Sequence[RunSummary], runs_dir: Path) -> None:
    """One row a run; damaged runs with what is wrong."""
    if not summaries:
        print(f"no runs in {runs_dir.absolute()} yet; train one with: vae-tui train")
        return
    table = Table("run", "preset", "data set", "state", "epoch", "train", "validation", "age", box=None, pad_edge=False)
    for summary in summaries:
        table.add_row(*run_cells(summary))
    print_table(table)
    for summary in summaries:
        trouble = summary.damage or (summary.status and summary.status.error)
        if trouble:
            print(f"{wording.printable(summary.run.name)}: {wording.printable(trouble)}")


def run_cells(summary: RunSummary) -> list[Text]:
    """A run as the cells of a table: name, preset, data set, state, epoch, losses, age."""
    config, status = summary.config, summary.status
    return [
        Text(wording.printable(summary.run.name)),
        Text(config.preset if config else "–"),
        Text(config.dataset if config else "–"),
        wording.state(summary),
        Text(f"{status.epoch}/{status.epochs}" if status else "–", justify="right"),
        Text(wording.loss(summary.train_loss), justify="right"),
        Text(wording.loss(summary.val_loss), justify="right"),
        Text(wording.age(time.time() - summary.changed) if summary.changed else "–", justify="right"),
    ]


def print_sets(sets: Sequence[SetOnDisk], folder: Path) -> None:
    """One row an image set, and how to get those that are missing."""
    table = Table("set", "on disk", "images", "where", box=None, pad_edge=False)
    for found in sets:
        where = str(found.folder) if found.folder else "comes with vae-tui"
        table.add_row(found.name, "yes" if found.on_disk else "no", found.title, where if found.on_disk else "–")
    print_table(table)
    if any(not found.on_disk for found in sets):
        print(f"\nget one into {folder} with: vae-tui data --download NAME")


def print_table(table: Table) -> None:
    """Fitted to a terminal; as wide as it needs where there is none, so that no line is cut."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=10_000, color_system=None)
    console.print(table)
