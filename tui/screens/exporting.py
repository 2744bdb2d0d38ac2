"""Writing what a screen shows to files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from textual.screen import Screen

from core.errors import describe
from tui.messages import FilesWritten
from tui.screens.selection import Shared

ATTEMPTS = 20


def export_files(screen: Screen[Any], shared: Shared, write: Callable[[Path], list[Path]]) -> None:
    """Write into the folder in which the app was started, off the UI thread, and say which files were written.

    `write` is given the folder; it gives the files, none where there is nothing to write yet. What it raises is shown.
    """

    def task() -> None:
        try:
            files = _with_unused_names(lambda: write(shared.export_folder()))
        except Exception as error:  # noqa: BLE001 - what cannot be drawn or written is a message, never the end
            screen.notify(describe(error), severity="error", markup=False)
            return
        if not files:
            screen.notify("there is nothing to export yet", severity="warning")
            return
        screen.post_message(FilesWritten(files))
        screen.notify("\n".join(str(file) for file in files), title="written", markup=False)

    # matplotlib makes no promise for two threads.
    screen.run_worker(task, thread=True, exclusive=True, group="export")


def _with_unused_names(write: Callable[[], list[Path]]) -> list[Path]:
    """Write where others may write files of the same names at the same time. Raises what `write` raises."""
    for _ in range(ATTEMPTS):
        try:
            return write()
        except FileExistsError:  # it was taken just now
            continue
    return write()
