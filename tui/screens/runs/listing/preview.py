"""The pane beside the list: the run under the cursor in short, once the cursor rests there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rich.text import Text
from textual import work
from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.message import Message
from textual.timer import Timer
from textual.widgets import Label, Static

from core.errors import DamagedFile, RunError
from core.runs.choosing.groups import RunGroup
from core.text import printable
from tui import formatting
from tui.drawing.sparkline import sparkline
from tui.terminal.capabilities import ColorDepth, color_depth

if TYPE_CHECKING:
    from core.runs.catalog import RunSummary
    from core.runs.keeping.measures import Validations
    from core.runs.run import Run
    from tui.messages import Preview
    from tui.screens.runs.listing.arrangement import Row
    from tui.screens.runs.training import PicturesReader

REST_SECONDS = 0.3  # that the cursor is in a row before anything of its run is read
LONGEST_SETTING = 60
PICTURED = 2  # images, as large as a digit must be to be read


class PreviewPane(Vertical):
    """Shows facts and the course of the validation loss, and, if that was asked for, the newest reconstructions."""

    DEFAULT_CSS = """
    PreviewPane { width: 44; height: 100%; border-left: vkey $panel; padding: 0 0 0 1; }
    PreviewPane VerticalScroll { height: 1fr; }
    PreviewPane Static { width: 100%; }
    PreviewPane #pictures { height: 18; display: none; }
    PreviewPane Label { color: $text-muted; }
    PreviewPane.-pictures #pictures { display: block; }
    """

    @dataclass
    class Read(Message):
        """The validations of a run were read."""

        run: Run
        losses: list[float]
        first_stage: str

    @dataclass
    class Pictured(Message):
        """The newest reconstructions of a run are there."""

        preview: Preview
        version: int

    def __init__(self, pictures: Callable[[Run], PicturesReader]) -> None:
        super().__init__()
        self._open_pictures = pictures
        self._row: Row | None = None
        self._validations: Validations | None = None
        self._losses: list[float] = []
        self._first_stage = ""  # what it is called now
        self._rest: Timer | None = None
        self._pictured: tuple[Run, int] | None = None  # the run and the weights that are shown
        self._text = ""

    def compose(self) -> ComposeResult:
        with VerticalScroll(can_focus=False):
            yield Static(id="facts", markup=False)
        yield Vertical(id="pictures")

    @property
    def has_pictures(self) -> bool:
        """Whether reconstructions are shown."""
        return self.has_class("-pictures")

    async def show_pictures(self, shown: bool) -> None:
        """Show reconstructions from now on, or no more; they are what needs PyTorch."""
        self.set_class(shown, "-pictures")
        place = self.query_one("#pictures", Vertical)
        if shown and not place.children:
            from tui.widgets.gallery import Gallery

            await place.mount(Label("above originals, below reconstructions"))
            await place.mount(Gallery(columns=PICTURED, captions="none", message="reconstructions"))
        self._pictured = None
        self._rest_again()

    @property
    def _summary(self) -> RunSummary | None:
        return None if isinstance(self._row, RunGroup) else self._row

    def show(self, row: Row | None) -> None:
        """Show this run, of which what has to be read follows once no other was shown for a moment, or folded runs."""
        before, changed, self._row = self._summary, row is not self._row, row
        if (self._summary and self._summary.run) != (before and before.run):
            self._losses, self._validations, self._first_stage = [], None, ""
        if changed and self.is_mounted:
            self._say()
            self._rest_again()

    def on_mount(self) -> None:
        self._say()
        self._rest_again()

    def _rest_again(self) -> None:
        if self._rest is not None:
            self._rest.stop()
        self._rest = self.set_timer(REST_SECONDS, self._read)

    def _read(self) -> None:
        if not self.display:
            return
        if self._summary is None:
            self._pictured = None
            self._say_of_pictures("reconstructions are those of a run")
            return
        from core.runs.keeping.measures import Validations

        run = self._summary.run
        if self._validations is None:
            self._validations = Validations(run.metrics_path)
        self._read_losses(run, self._validations, getattr(self._summary.config, "first_stage", None))
        version = run.weights_version()
        if self.has_pictures and self._pictured != (run, version):
            self._say_of_pictures("no weights yet" if not version else "loading")
            self._pictured = run, version
            if version:
                self._read_pictures(self._open_pictures(run), version)

    @work(thread=True, exclusive=True, group="validations")
    def _read_losses(self, run: Run, validations: Validations, named: str | None) -> None:
        try:
            for _ in validations.read():
                pass
        except (DamagedFile, OSError):  # which the list says of the run
            return
        self.post_message(self.Read(run, list(validations.losses), first_stage_now(run, named)))

    def on_preview_pane_read(self, message: Read) -> None:
        if self._summary and message.run == self._summary.run:
            self._losses, self._first_stage = message.losses, message.first_stage
            self._say()

    @work(thread=True, exclusive=True, group="pictures")
    def _read_pictures(self, pictures: PicturesReader, version: int) -> None:
        self.post_message(self.Pictured(pictures.read(), version))

    def on_preview_pane_pictured(self, message: Pictured) -> None:
        preview = message.preview
        if self._pictured != (preview.run, message.version):
            return
        if preview.originals is None or preview.reconstructions is None:
            self._say_of_pictures(preview.message)
            return
        import numpy as np

        pairs = np.stack([preview.originals[:PICTURED], preview.reconstructions[:PICTURED]], axis=1)
        for gallery in self._gallery:
            gallery.show(pairs)

    @property
    def _gallery(self) -> list[Any]:
        return list(self.query_one("#pictures").children)[1:]

    def _say_of_pictures(self, message: str) -> None:
        for gallery in self._gallery:
            gallery.show_message(message)

    def on_resize(self) -> None:
        self._text = ""
        self._say()

    def _say(self) -> None:
        width = max(1, self.query_one("#facts").size.width)
        depth = color_depth(self.app)
        text = Text("")
        if isinstance(self._row, RunGroup):
            text = facts_of_all(self._row)
        elif self._row is not None:
            text = facts(self._row, self._losses, width, depth, self._first_stage)
        if text.markup != self._text:
            self._text = text.markup
            self.query_one("#facts", Static).update(text)


def first_stage_now(run: Run, named: str | None) -> str:
    """What the first stage of a learned prior is called now; nothing where there is none, or nobody knows."""
    from core.runs.keeping.names import run_named

    if not named:
        return ""
    try:
        return run_named(run.path.parent, named).name
    except (RunError, OSError):  # the prior has all that it needs of it
        return ""


def facts(run: RunSummary, losses: list[float], width: int, depth: ColorDepth, first_stage: str = "") -> Text:
    """A run in short: state, validations, settings that are not those of its preset or parent, size, path, notes."""
    from core.runs.config import differing
    from core.runs.settings import as_text, title

    text = Text()
    text.append(f"{printable(run.run.name)}\n", "bold").append_text(formatting.state(run))
    text.append(f"  epochs {formatting.epochs(run.status)}\n")
    if run.status is not None and run.status.reason:
        text.append(f"{printable(run.status.reason)}\n", "dim")
    if run.config is not None and run.config.forked_from is not None:
        text.append(f"{formatting.FORK} {run.config.forked_from.words}\n", "dim")
    if losses:
        text.append("\nvalidation loss", "dim")
        best = f", best {formatting.loss(run.best[1])} after epoch {run.best[0]}" if run.best else ""
        text.append(f"\n{sparkline(losses, width, ascii_only=depth is ColorDepth.ASCII)}\n")
        text.append(f"first {formatting.loss(losses[0])}, last {formatting.loss(losses[-1])}{best}\n")
    if run.config is not None:
        others = {name: value for name, value in differing(run.config).items() if name not in ("preset", "dataset")}
        text.append(f"\npreset {run.config.preset} on {printable(run.config.dataset_title)}\n", "dim")
        if "first_stage" in others and first_stage not in ("", others["first_stage"]):
            others["first_stage"] = f"{first_stage}, then {others['first_stage']}"
        for name, value in others.items():
            text.append(f"{title(name)} {printable(as_text(value))[:LONGEST_SETTING]}\n")
        same = "the settings of its preset" if run.config.forked_from is None else "the settings of that run"
        text.append("" if others else f"{same}\n")
    text.append("\n")
    if measured := run.evaluated_damage or formatting.evaluated(run.evaluation):
        text.append(f"{printable(measured)}\n")
    if run.size is not None:
        text.append(f"{formatting.memory(run.size)} on disk\n")
    text.append(f"{printable(str(run.run.path))}\n")
    if run.notes.tags:
        text.append(f"\ntags {printable(' '.join(run.notes.tags))}\n")
    if run.notes.note:
        text.append("\n").append("\n".join(map(printable, run.notes.note.splitlines())))
    return text


def facts_of_all(group: RunGroup) -> Text:
    """Folded runs in short: how many in which states, which of them is the best, and the key that unfolds them."""
    states = ", ".join(f"{count} {word}" for word, count in group.states)
    text = Text.assemble((f"{printable(group.title)}\n", "bold"), f"a group of {len(group.runs)} runs: {states}\n\n")
    if group.other_sums:
        text.append("their losses are different sums, so none is the best\n\n")
    elif best := group.best:
        name = next(run.run.name for run in group.runs if run.best == best)
        text.append("best validation loss", "dim")
        text.append(f"\n{formatting.loss(best[1])} after epoch {best[0]}, of {printable(name)}\n\n")
    return text.append("enter or l unfolds it", "dim")
