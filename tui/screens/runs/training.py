"""Screen 2: one run as it trains: curves, facts, and the newest reconstructions."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import ClassVar, Protocol

import numpy as np
from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Vertical
from textual.message import Message
from textual.reactive import var
from textual.timer import Timer
from textual.widgets import Label

from core.runs.catalog import RunSummary
from core.runs.run import Run
from core.runs.status import State
from core.text import printable
from tui import formatting
from tui.background.polling import Reader
from tui.messages import Preview, Snapshot
from tui.screens.base import SCREENS
from tui.screens.charts.grid import ChartGrid
from tui.screens.dialogs import AskValue
from tui.screens.exporting import export_files
from tui.screens.following import is_seen
from tui.screens.help.formulas import loss_topic
from tui.screens.run_actions import parse_learning_rate
from tui.screens.runs.keeping import KeptRunScreen
from tui.screens.selection import Shared
from tui.widgets.bars import KeyLine, TopBar
from tui.widgets.facts.facts_column import FactsColumn
from tui.widgets.gallery import Gallery


class PicturesReader(Protocol):
    """What gives the reconstructions; tests put their own in its place."""

    def read(self) -> Preview: ...


class TrainingScreen(KeptRunScreen):
    """How one run trains."""

    ABOUT = "training: the curves of a run, its facts, its newest reconstructions"
    CSS = """
    TrainingScreen #body { layout: grid; grid-size: 2; grid-columns: 1fr 34; grid-rows: 1fr 16; }
    TrainingScreen #facts { padding: 0 1; width: 100%; height: 100%; text-wrap: nowrap; text-overflow: ellipsis; }
    TrainingScreen #pictures { column-span: 2; }
    TrainingScreen #note { height: 1; width: 100%; color: $text-muted; }
    TrainingScreen #none { display: none; width: 100%; height: 100%; content-align: center middle; text-align: center; }
    TrainingScreen.-norun #body { display: none; }
    TrainingScreen.-norun #none { display: block; }

    TrainingScreen.-short #body { grid-columns: 1fr 31; grid-rows: 1fr 15; }
    TrainingScreen.-short #curves { row-span: 2; }
    TrainingScreen.-short #facts { padding: 0 0 0 1; }
    TrainingScreen.-short #pictures { column-span: 1; padding: 0 0 0 1; }

    TrainingScreen.-tiny #body { grid-size: 1; grid-columns: 1fr; grid-rows: 1fr 3; }
    TrainingScreen.-tiny #curves { row-span: 1; }
    TrainingScreen.-tiny #pictures { display: none; }

    TrainingScreen.-enlarged #body { grid-size: 1; grid-columns: 1fr; grid-rows: 1fr; }
    TrainingScreen.-enlarged #curves { row-span: 1; }
    TrainingScreen.-enlarged #facts, TrainingScreen.-enlarged #pictures { display: none; }
    """
    EXPLORES = True
    HORIZONTAL_BREAKPOINTS = [(0, "-tiny"), (64, "-wide")]
    VERTICAL_BREAKPOINTS = [
        (0, "-tiny"),
        (22, "-short"),
        (36, "-tall"),
    ]
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("e", "export", "export", tooltip="write the curves to files", id="train.export", show=False),
        Binding(
            "S",
            "set_rate",
            "rate",
            tooltip="change the learning rate of the run while it trains",
            id="train.rate",
            show=False,
        ),
        Binding("escape", "app.show('runs')", "runs", tooltip="back to the runs", id="train.back", show=False),
    ]

    snapshot: var[Snapshot | None] = var(None, init=False)
    preview: var[Preview | None] = var(None, init=False)

    @dataclass
    class Reconstructed(Message):
        """There are newer reconstructions."""

        preview: Preview

        def can_replace(self, message: Message) -> bool:
            return isinstance(message, TrainingScreen.Reconstructed)

    def __init__(
        self,
        shared: Shared,
        snapshots: Callable[[Run], Reader[Snapshot]],
        pictures: Callable[[Run], PicturesReader],
    ) -> None:
        super().__init__(shared)
        self._open_snapshots, self._open_pictures = snapshots, pictures
        self._follower = self.add_follower(self._update)
        self._pictures: PicturesReader | None = None
        self._pictured = 0
        self._told: set[str] = set()  # what had no room in the caption
        self._drawn = 0.0
        self._drawing: Timer | None = None

    def compose(self) -> ComposeResult:
        yield TopBar(SCREENS, "training")
        with Container(id="body"):
            with Vertical(id="curves"):
                yield ChartGrid("training", self.shared)
            yield FactsColumn(id="facts")
            with Vertical(id="pictures"):
                yield Gallery(captions="none")
                yield Label("", id="note", markup=False)
        yield Label("no run is chosen\n\n1 goes to the runs, n starts a new one", id="none", markup=False)
        yield KeyLine()

    @property
    def topic(self) -> str:
        topic = self.query_one(ChartGrid).topic
        if topic != "loss" or self.snapshot is None:
            return topic
        return loss_topic(self.snapshot.summary.preset, self.snapshot.summary.config)

    def chosen(self) -> RunSummary | None:
        return self.snapshot.summary if self.snapshot else None

    # What comes in

    def change_run(self, run: Run | None) -> None:
        super().change_run(run)
        self._pictured = 0
        self.snapshot = self.preview = None
        self._pictures = self._open_pictures(run) if run else None
        self._follower.follow(partial(self._open_snapshots, run) if run else None)

    def on_screen_resume(self) -> None:
        self._read_newer_pictures()

    def _update(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self.tell_saved([snapshot.summary])

    def on_training_screen_reconstructed(self, message: Reconstructed) -> None:
        if message.preview.run != self.selected_run:
            return
        self.preview = message.preview
        if message.preview.originals is None:  # files may come back without looking changed
            self.set_timer(self.shared.timing.retry, self._read_pictures_again)

    def _read_pictures_again(self) -> None:
        if self.preview is not None and self.preview.originals is None:
            self._pictured = 0
            self._read_newer_pictures()

    def _read_newer_pictures(self) -> None:
        """Load the reconstructions of newer weights, if they are seen."""
        version = self.snapshot.weights_version if self.snapshot else 0
        if self._pictures and version not in (0, self._pictured) and is_seen(self):
            self._pictured = version
            if not self.preview:
                self.query_one(Gallery).show_message("loading PyTorch")
            self._read_pictures(self._pictures)

    @work(thread=True, exclusive=True, group="preview", exit_on_error=True)
    def _read_pictures(self, pictures: PicturesReader) -> None:
        self.post_message(self.Reconstructed(pictures.read()))

    # What is shown

    def watch_snapshot(self, before: Snapshot | None, snapshot: Snapshot | None) -> None:
        changed = (before and before.summary.state) != (snapshot and snapshot.summary.state)
        if changed:
            self.refresh_bindings()  # makes the footer anew, which costs more than the curves
        if snapshot is None:
            return
        summary = snapshot.summary
        self.query_one(TopBar).show_run(printable(summary.run.name), formatting.state(summary))
        if changed:
            self._draw()
        else:
            self._draw_in_time()
        if not snapshot.weights_version:
            self._pictured, self.preview = 0, None
            to_come = summary.is_active or summary.state in (State.CREATED, State.QUEUED)
            missing = "no weights yet" if to_come else "model.safetensors is missing"
            self.query_one(Gallery).show_message(summary.damage or missing)
        self._read_newer_pictures()

    def watch_preview(self, before: Preview | None, preview: Preview | None) -> None:
        if preview is None:
            return
        gallery = self.query_one(Gallery)
        self._caption()
        if preview.originals is None or preview.reconstructions is None:
            gallery.show_message(preview.message)
        else:
            gallery.show(np.stack([preview.originals, preview.reconstructions], axis=1))

    def on_resize(self) -> None:
        self.call_after_refresh(self._draw)
        self.call_after_refresh(self._caption)

    def _caption(self) -> None:
        """Say which row of the pictures is which, and behind that, with enough room, of which images they are."""
        preview, note = self.preview, self.query_one("#note", Label)
        note.display = preview is not None and preview.originals is not None
        if preview is None or not note.display:
            return
        full = f"images, their reconstructions below{f' · {preview.message}' if preview.message else ''}"
        short = "images, reconstructions below"
        note.update(full if len(full) <= self.query_one("#pictures").content_size.width else short)
        if preview.message and full not in (str(note.content), *self._told):
            self._told.add(full)
            self.notify(preview.message, timeout=5, markup=False)

    def _draw_in_time(self) -> None:
        """Draw now, or when the last drawing is long enough ago: each keeps a trainer beside it from its work."""
        wait = self._drawn + self.shared.timing.draw - time.monotonic()
        if wait <= 0:
            self._draw()
        elif self._drawing is None:
            self._drawing = self.set_timer(wait, self._draw)

    def _draw(self) -> None:
        if self._drawing is not None:
            self._drawing.stop()
            self._drawing = None
        self._drawn = time.monotonic()
        snapshot = self.snapshot
        if snapshot is None:
            return
        self.query_one(ChartGrid).show([snapshot])
        self.query_one(FactsColumn).show(snapshot)

    # What keys do

    def action_set_rate(self) -> None:
        chosen = self.chosen()
        if chosen is None or chosen.config is None or chosen.status is None:
            return

        def answered(rate: float | None) -> None:
            if rate is not None:
                self.send_learning_rate(chosen, rate)

        now = chosen.status.base_learning_rate or chosen.config.learning_rate
        question = f"Learning rate of {chosen.run.name}, {now:g} so far"
        if chosen.config.schedule == "cosine" and chosen.status.learning_rate:
            question += f"; the cosine has {chosen.status.learning_rate / now:.0%} of it left, and goes on from there"
        self.app.push_screen(AskValue(f"{question}:", f"{now:g}", parse_learning_rate), answered)

    def action_export(self) -> None:
        if run := self.selected_run:
            # Without a snapshot, what is drawn is another run's.
            drawn = (
                self.query_one(ChartGrid).to_export(f"{run.name}-training", printable(run.name))
                if self.snapshot
                else None
            )
            export_files(self, self.shared, drawn)
