"""Screens whose `e` writes what they show to files."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, TypeVar

from textual import work
from textual.binding import Binding, BindingType

from core.errors import describe
from tui.screens.app_screen import AppScreen

Result = TypeVar("Result")


class ExportingScreen(AppScreen[Result]):
    """Writes into the folder where the app was started, and says what it wrote."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("e", "export", "export", tooltip="write what is shown to files", id="export"),
    ]

    @property
    def exported_name(self) -> str:
        """What names of files begin with, such as the run and the screen."""
        raise LookupError(f"{type(self).__name__} has no name for its files")

    def write_files(self, folder: Path, stem: str) -> list[Path]:
        """Write what is shown, off the UI thread; the files, or none while there is nothing. Raises OSError."""
        raise LookupError(f"{type(self).__name__} exports nothing")

    # matplotlib makes no promise for two threads.
    @work(thread=True, exclusive=True, group="export")
    def action_export(self) -> None:
        run = self.vae_tui.selected_run
        if run is None:
            return
        try:
            files = self.write_files(Path.cwd(), f"{run.name}-{self.exported_name}")
        except OSError as error:
            self.notify(describe(error), severity="error", markup=False)
            return
        if not files:
            self.notify("there is nothing to export yet", severity="warning")
            return
        self.vae_tui.exported += files
        self.notify("\n".join(str(file) for file in files), title="written", markup=False)
