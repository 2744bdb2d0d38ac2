"""The film of a training, written as what is seen is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from core.explorer.protocol import Explorer, Report
from core.runs.run import Run
from core.text import printable
from tui import export
from tui.messages import Moment
from tui.screens.exporting import Export

if TYPE_CHECKING:
    from tui.timelapse import Shot


def film_of(
    run: Run,
    what: str,
    moments: Sequence[Moment],
    shot: Shot,
    open_explorer: Callable[[Run, Report], Explorer],
    report: Report,
) -> Export:
    """The film of these moments, as a GIF; they are asked about where it is written, off the UI thread.

    `report` is told what is done, and nothing at the end.
    """
    chosen = [(moment.step, moment.epoch) for moment in moments]
    left_out = list[str]()

    def write(folder: Path) -> list[Path]:
        from tui import timelapse

        left_out.clear()  # where it is written once more
        path = export.unused_path(folder, f"{run.name}-{what}-film", ".gif")
        try:
            timelapse.save(
                path, timelapse.frames(open_explorer(run, report), chosen, printable(run.name), shot, left_out.append)
            )
        finally:
            report("")
        return [path]

    return Export(write, said=left_out)
