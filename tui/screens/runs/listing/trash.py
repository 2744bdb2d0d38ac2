"""The trash: the runs that were deleted, to be taken back or removed for good."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from core.text import printable
from tui import formatting
from tui.background.tasks import attempt
from tui.messages import RunRestored
from tui.screens.dialogs import Confirm, Dialog, Options

if TYPE_CHECKING:
    from core.runs.catalog import RunSummary

NAME_LENGTH = 40


class Trash(Dialog[None]):
    """Lists what was deleted, the last first; what is done with it is done off the UI thread."""

    ABOUT = "trash: what was deleted, the last first"

    DEFAULT_CSS = "Trash Options { width: 76; min-height: 3; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("u,enter", "restore", "take back", tooltip="take back the run", id="trash.restore", priority=True),
        Binding("d", "remove", "remove", tooltip="remove the run for good (asks)", id="trash.remove"),
        Binding("D", "empty", "empty", tooltip="remove all of them for good (asks)", id="trash.empty"),
        Binding("escape,q", "dismiss", "close", tooltip="close the trash", id="trash.close"),
        Binding("question_mark", "app.keys", "keys", tooltip="explain the keys", id="trash.keys", show=False),
    ]

    def __init__(self, runs_dir: Path) -> None:
        super().__init__()
        self._runs_dir = runs_dir
        self._deleted: list[RunSummary] = []

    def compose(self) -> ComposeResult:
        options = Options()
        options.border_title = "trash"
        yield options

    def on_mount(self) -> None:
        self._look()

    @work(thread=True, exclusive=True, group="trash")
    def _look(self) -> None:
        from core.runs.catalog import summarise_whole
        from core.trash import find_deleted

        attempt(self.app, lambda: self._show([summarise_whole(run) for run in find_deleted(self._runs_dir)]))

    def _show(self, deleted: list[RunSummary]) -> None:
        from core.trash import deleted_at

        moments = [deleted_at(summary.run) for summary in deleted]
        lines = [line(*each) for each in zip(deleted, moments, strict=True)]
        self.app.call_from_thread(self._list, deleted, lines)

    def _list(self, deleted: list[RunSummary], lines: list[Text]) -> None:
        self._deleted = deleted
        options = self.query_one(Options)
        options.clear_options().add_options(lines)
        options.highlighted = 0 if lines else None
        size = sum(summary.size or 0 for summary in deleted)
        options.border_title = Text(f"trash: {formatting.count(len(deleted), 'run')}, {formatting.memory(size)}")
        options.border_subtitle = "u back  d remove  D all  esc closes" if deleted else "nothing is in it   esc closes"

    @property
    def _chosen(self) -> RunSummary | None:
        place = self.query_one(Options).highlighted
        return None if place is None else self._deleted[place]

    def action_restore(self) -> None:
        if chosen := self._chosen:
            self._restore(chosen)

    def action_remove(self) -> None:
        if chosen := self._chosen:
            self._ask(f"Remove {chosen.run.name} for good? Nothing brings it back.", [chosen])

    def action_empty(self) -> None:
        if deleted := self._deleted:
            size = formatting.memory(sum(summary.size or 0 for summary in deleted))
            what = formatting.count(len(deleted), "run")
            self._ask(f"Remove {what} for good, {size}? Nothing brings them back.", deleted)

    def _ask(self, question: str, runs: list[RunSummary]) -> None:
        def answered(yes: bool | None) -> None:
            if yes:
                self._remove(runs)

        self.app.push_screen(Confirm(question, "remove", "keep"), answered)

    @work(thread=True, group="change")
    def _restore(self, chosen: RunSummary) -> None:
        from core.trash import restore

        def act() -> None:
            restored = restore(chosen.run)
            self.app.call_from_thread(self._tell, RunRestored(restored))
            self.notify(f"{restored.name} is back", timeout=2, markup=False)

        attempt(self.app, act)
        self._look()

    def _tell(self, message: RunRestored) -> None:
        """Have the list below show the run; messages of a dialog do not come there."""
        self.app.screen_stack[0].post_message(message)

    @work(thread=True, group="change")
    def _remove(self, runs: list[RunSummary]) -> None:
        from core.trash import remove

        for summary in runs:
            attempt(self.app, partial(remove, summary.run))
        self._look()


def line(deleted: RunSummary, moment: float | None) -> Text:
    """A deleted run in a line."""
    name = printable(deleted.run.name)
    name = name if len(name) <= NAME_LENGTH else f"{name[: NAME_LENGTH - 1]}…"
    size = formatting.NONE if deleted.size is None else formatting.memory(deleted.size)
    ago = formatting.age(time.time() - moment) if moment else formatting.NONE
    ago = ago if ago in ("now", formatting.NONE) else f"{ago} ago"
    return Text(f" {name:<{NAME_LENGTH}} {size:>7}  {ago}")
