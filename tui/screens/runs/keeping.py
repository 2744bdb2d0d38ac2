"""The keys that concern what a user keeps of a run: its name, notes and tags, its path, its log."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual import work
from textual.binding import Binding, BindingType

from tui.background.tasks import attempt
from tui.messages import NewRunWanted, RunRenamed
from tui.screens.dialogs import AskValue
from tui.screens.run_actions import RunScreen

if TYPE_CHECKING:
    from core.runs.run import Run


class KeptRunScreen(RunScreen):
    """A screen on which the chosen run can be renamed, noted on, copied by its path, and asked for its log."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("R", "rename", "rename", tooltip="give the run another name", id="run.rename", show=False),
        Binding("T", "notes", "notes", tooltip="write tags and a note on the run", id="run.notes", show=False),
        Binding("Y", "copy_path", "copy", tooltip="copy the path of the run", id="run.copy_path", show=False),
        Binding(
            "exclamation_mark",
            "log",
            "log",
            key_display="!",
            tooltip="what the trainer of the run says",
            id="run.log",
            show=False,
        ),
        Binding(
            "F",
            "fork",
            "fork",
            tooltip="fork: a new run that goes on from this one with other settings",
            id="run.fork",
            show=False,
        ),
        Binding("N", "new_like", "like", tooltip="a new run with the settings of this one", id="run.like", show=False),
    ]

    def look_again(self, run: Run) -> None:
        """Something about the run was changed, perhaps its name."""

    # The name

    def action_rename(self) -> None:
        chosen = self.chosen()
        if chosen is None:
            return
        run = chosen.run

        def parse(text: str) -> str:
            from core.runs.config import check_name

            if text != run.name and (run.path.parent / check_name(text)).exists():
                raise ValueError(f"{text} exists already")
            return text

        def answered(name: str | None) -> None:
            if name is not None and name != run.name:
                self.shared.renaming.add(run)
                self._rename(run, name)

        self.app.push_screen(AskValue(f"Another name for {run.name}:", run.name, parse), answered)

    @work(thread=True)
    def _rename(self, run: Run, name: str) -> None:
        from core.runs.keeping import names

        if renamed := attempt(self.app, lambda: names.rename(run, name)):
            self.post_message(RunRenamed(run, renamed))
            self.app.call_from_thread(self.look_again, renamed)
        else:
            self.shared.renaming.discard(run)

    # Notes and tags

    def action_notes(self) -> None:
        chosen = self.chosen()
        if chosen is None:
            return
        run = chosen.run
        from tui.screens.runs.notes_form import NotesForm, Written

        def answered(written: Written | None) -> None:
            if written is not None:
                self._note(run, written)

        self.app.push_screen(NotesForm(run.name, chosen.notes), answered)

    @work(thread=True)
    def _note(self, run: Run, written: tuple[tuple[str, ...], str]) -> None:
        from core.runs.keeping.notes import note_on

        if attempt(self.app, lambda: note_on(run, *written)):
            self.app.call_from_thread(self.look_again, run)

    # Its path and its log

    def action_copy_path(self) -> None:
        if chosen := self.chosen():
            self.app.copy_to_clipboard(str(chosen.run.path))
            self.notify(f"copied {chosen.run.path}", timeout=3, markup=False)

    def action_log(self) -> None:
        if chosen := self.chosen():
            from tui.screens.runs.log_pane import LogPane

            self.app.push_screen(LogPane(chosen.run, self.shared.timing.poll))

    # A new run that goes on from this one, or is like it

    def action_fork(self) -> None:
        if chosen := self.chosen():
            from tui.screens.runs.fork import open_fork

            open_fork(self, chosen.run)

    def action_new_like(self) -> None:
        if (chosen := self.chosen()) and chosen.config is not None:
            self.post_message(NewRunWanted(chosen.config))
