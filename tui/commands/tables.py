"""Tables of runs and image sets for the command line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from core.data.registry import SetOnDisk
from core.runs.catalog import RunSummary
from tui import formatting
from tui.run_columns import RUN_COLUMNS, run_cells


def print_runs(summaries: Sequence[RunSummary], runs_dir: Path) -> None:
    """One row a run; damaged runs with what is wrong."""
    if not summaries:
        print(f"no runs in {runs_dir.absolute()} yet; train one with: vae-tui train")
        return
    table = Table(*RUN_COLUMNS, box=None, pad_edge=False)
    for summary in summaries:
        table.add_row(*run_cells(summary))
    print_table(table)
    for summary in summaries:
        for remark in (summary.damage or (summary.status and summary.status.error), summary.newer):
            if remark:
                print(f"{formatting.printable(summary.run.name)}: {formatting.printable(remark)}")


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
