"""The views of two runs side by side: each asks both explorers for what it needs, shows it, and writes it to files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from string import ascii_lowercase
from typing import TYPE_CHECKING

import numpy as np
from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Container, Horizontal, Vertical, VerticalScroll
from textual.widgets import Label, Static

from core.explorer.protocol import compare_reconstructions
from core.explorer.results import Comparison
from core.latents.options import PROJECTIONS, SAMPLERS, ProjectionOptions
from core.runs.run import Run
from core.runs.settings import DEFAULT_PRESET, PRESETS
from tui import export, formatting, latent_plane, series
from tui.drawing.curves import Curve
from tui.drawing.view import home_view
from tui.messages import Snapshot
from tui.screens.compare.comparison import settings
from tui.series import CurveOptions
from tui.widgets.gallery import Gallery
from tui.widgets.plot import Plot
from tui.widgets.scatter import Scatter

if TYPE_CHECKING:
    from core.explorer.protocol import Explorer
    from core.explorer.results import LatentProjection, Samples


# Original, left, right; where there is room, the errors of both below.
STACK, TALL_STACK = (3, 28, 28), (5, 28, 28)
TALL = 36
ROOMY = 14  # cells for two errors with a decimal
SAMPLE_COUNT, SAMPLE_COLUMNS = 20, 4
WAITING = "waiting for the runs"
Question = Callable[["Explorer", "Explorer"], object]


class CompareView(Container):
    """One way to look at two runs. Those that look through the models answer `question` with an answer for `show`."""

    name_shown = ""
    needs_models = True
    heading = ""  # what the answer that is shown comes to

    def name_runs(self, left: str, right: str) -> None:
        """Put the runs' names, in their colours, where the view has room for them."""
        labels = self.query(".run-name").results(Label)
        for label, name, (red, green, blue) in zip(labels, (left, right), series.COMPARED_COLORS, strict=False):
            label.update(Text(name, f"bold rgb({red},{green},{blue})"))

    def question(self) -> Question:
        """What to ask of both runs in another thread; all that it depends on is looked up here."""
        raise LookupError(f"{type(self).__name__} asks nothing")

    def show(self, answer: object) -> None:
        """Show an answer."""

    def show_snapshots(self, snapshots: Sequence[Snapshot]) -> None:
        """Show what the metrics of both runs say."""

    def say(self, words: str) -> None:
        """Show these words in place of what cannot be shown."""

    def write(self, folder: Path, stem: str, runs: tuple[Run, Run]) -> list[Path]:
        """Write what is shown; the files. Raises OSError."""
        return []


class CurvesView(CompareView):
    """Losses of both runs over each other."""

    name_shown, needs_models = "curves", False

    def __init__(self) -> None:
        super().__init__(id="curves")
        self.options = CurveOptions()
        self._snapshots: Sequence[Snapshot] = ()

    def compose(self) -> ComposeResult:
        yield Plot(series.LOSS_TITLES["loss"], id="loss")
        with Horizontal(id="parts"):
            yield Plot(series.LOSS_TITLES["reconstruction"], id="reconstruction")
            yield Plot(series.LOSS_TITLES["kl"], id="kl")

    def show_snapshots(self, snapshots: Sequence[Snapshot]) -> None:
        self._snapshots = snapshots
        for part, drawn in self._curves().items():
            self.query_one(f"#{part}", Plot).show(
                drawn,
                x_range=series.common_range(snapshots),
                log_scale=self.options.log_scale,
                x_label=series.x_axis(snapshots[0]).label,
            )

    def say(self, words: str) -> None:
        self._snapshots = ()
        for plot in self.query(Plot):
            plot.show(())

    def _curves(self) -> dict[str, list[Curve]]:
        window = self.options.window
        return {part: series.compared_curves(self._snapshots, part, window) for part in series.LOSS_TITLES}

    def switch_log_scale(self) -> None:
        self.options = self.options.other_scale()

    def next_smoothing(self) -> None:
        self.options = self.options.next_window()

    def write(self, folder: Path, stem: str, runs: tuple[Run, Run]) -> list[Path]:
        if not self._snapshots:
            return []
        label = series.x_axis(self._snapshots[0]).label
        return export.write_curves(folder, stem, self._curves(), label, self.options.log_scale)


class DigitsView(CompareView):
    """The same digits, reconstructed by both."""

    name_shown = "digits"

    def __init__(self) -> None:
        super().__init__(id="digits")
        self.first = 0
        self._comparison: Comparison | None = None

    def compose(self) -> ComposeResult:
        yield Gallery(at_least=4, message=WAITING)

    @property
    def _stack(self) -> tuple[int, int, int]:
        return TALL_STACK if self.size.height >= TALL else STACK

    def question(self) -> Question:
        tiling, first = self.query_one(Gallery).tiling(self._stack), self.first

        count = tiling.capacity if tiling else 1
        return lambda left, right: compare_reconstructions(left, right, first, count)

    def show(self, answer: object) -> None:
        assert isinstance(answer, Comparison)
        self._comparison, page = answer, answer.page
        images = [page.originals, page.reconstructions, answer.other.images]
        self.heading = "original, left, right"
        if self._stack == TALL_STACK:
            images += [np.abs(image - page.originals) for image in images[1:]]
            self.heading += ", their errors"
        gallery = self.query_one(Gallery)
        tiling = gallery.tiling(self._stack)
        form = "{:.1f}  {:.1f}" if tiling and tiling.cells_wide >= ROOMY else "{:.0f} {:.0f}"
        errors = zip(page.errors.tolist(), answer.other.errors.tolist(), strict=True)
        captions = [form.format(*pair) for pair in errors]
        gallery.show(np.stack(images, axis=1), captions)

    def say(self, words: str) -> None:
        self._comparison = None
        self.query_one(Gallery).show_message(words)

    def turn(self, by: int) -> None:
        """Go on to other digits, by pages."""
        if self._comparison is not None:
            page, shown = self._comparison.page, len(self._comparison.page.indices)
            self.first = min(max(page.first + by * shown, 0), max(page.total - shown, 0))

    def write(self, folder: Path, stem: str, runs: tuple[Run, Run]) -> list[Path]:
        if self._comparison is None:
            return []
        page, path = self._comparison.page, export.unused_path(folder, stem, ".png")
        images = np.concatenate([page.originals, page.reconstructions, self._comparison.other.images])
        export.save_picture(path, images, len(page.originals))
        return [path]


class SamplesView(CompareView):
    """Samples of both from the same seed, each by the sampler that suits it unless one is chosen."""

    name_shown = "samples"

    def __init__(self) -> None:
        super().__init__(id="samples")
        self.sampler: str | None = None
        self.seed = 0
        self._samples: list[Samples] = []

    def compose(self) -> ComposeResult:
        for _ in range(2):
            with Vertical(classes="side"):
                yield Label("", classes="run-name", markup=False)
                yield Gallery(at_least=16, columns=SAMPLE_COLUMNS, captions="none", message=WAITING)

    def question(self) -> Question:
        sampler, seed = self.sampler, self.seed

        def ask(*explorers: Explorer) -> tuple[str, list[Samples]]:
            names = [sampler or explorer.default_sampler for explorer in explorers]
            samplers = " and ".join(dict.fromkeys(SAMPLERS[name] for name in names))
            pairs = zip(explorers, names, strict=True)
            return f"{samplers}, seed {seed}", [explorer.samples(name, SAMPLE_COUNT, seed) for explorer, name in pairs]

        return ask

    def show(self, answer: object) -> None:
        assert isinstance(answer, tuple)
        self.heading, self._samples = answer
        for gallery, samples in zip(self.query(Gallery), self._samples, strict=True):
            gallery.show(samples.images[:, None])

    def say(self, words: str) -> None:
        self._samples = []
        for gallery in self.query(Gallery):
            gallery.show_message(words)

    def next_sampler(self) -> None:
        names = [None, *PRESETS[DEFAULT_PRESET].samplers]  # None: to each its own
        self.sampler = names[(names.index(self.sampler) + 1) % len(names)]

    def write(self, folder: Path, stem: str, runs: tuple[Run, Run]) -> list[Path]:
        if not self._samples:
            return []
        path = export.unused_path(folder, stem, ".png")
        rows = [samples.images.reshape(-1, SAMPLE_COLUMNS, 28, 28) for samples in self._samples]
        export.save_picture(path, np.concatenate(rows, axis=1).reshape(-1, 28, 28), 2 * SAMPLE_COLUMNS)
        return [path]


class LatentView(CompareView):
    """The latents of both in the plane, by the same rules and with the same limits."""

    name_shown = "latent"

    def __init__(self) -> None:
        super().__init__(id="latent")
        self.choice = ProjectionOptions()
        self._planes: tuple[LatentProjection, LatentProjection] | None = None

    def compose(self) -> ComposeResult:
        for _ in range(2):
            with Vertical(classes="side"):
                yield Label("", classes="run-name", markup=False)
                yield Scatter(message=WAITING)

    def question(self) -> Question:
        choice = self.choice
        return lambda left, right: (left.projection(choice), right.projection(choice))

    def show(self, answer: object) -> None:
        assert isinstance(answer, tuple)
        self._planes = answer
        home = home_view(np.concatenate([plane.points for plane in answer]))
        for scatter, plane in zip(self.query(Scatter), answer, strict=True):
            x_label, y_label = plane.projection.axes
            scatter.show(plane.points, plane.labels, x_label=x_label, y_label=y_label, home=home)
        names, facts = zip(*map(latent_plane.title, answer), strict=True)
        left, right = (fact.partition(", ")[0] for fact in facts)
        numbers = f"{left} | {right.lstrip(ascii_lowercase + '- ')}" if left else ""
        both = " | ".join(dict.fromkeys(name.partition(" of ")[0] for name in names))
        self.heading = ", ".join(filter(None, (both, numbers)))

    def say(self, words: str) -> None:
        self._planes = None
        for scatter in self.query(Scatter):
            scatter.show_message(words)

    def next_projection(self) -> None:
        names = list(PROJECTIONS)
        self.choice = ProjectionOptions(names[(names.index(self.choice.projection) + 1) % len(names)])

    def write(self, folder: Path, stem: str, runs: tuple[Run, Run]) -> list[Path]:
        files: list[Path] = []
        for run, plane in zip(runs, self._planes or (), strict=False):
            files += export.write_projection(folder, f"{run.name}-latent", plane)
        return files


class SettingsView(CompareView):
    """Every setting and result of both, those that differ marked."""

    name_shown, needs_models = "settings", False

    def __init__(self) -> None:
        super().__init__(id="settings")
        self._snapshots: Sequence[Snapshot] = ()

    def compose(self) -> ComposeResult:
        with VerticalScroll():
            yield Static(id="table")

    def show_snapshots(self, snapshots: Sequence[Snapshot]) -> None:
        self._snapshots = snapshots
        rows = settings(snapshots[0].summary, snapshots[1].summary)
        self.heading = f"{sum(row.differs for row in rows)} of {len(rows)} differ"
        table = Table("", "", *(formatting.printable(snapshot.run.name) for snapshot in snapshots), box=None)
        for row in rows:
            mark, style = ("≠", None) if row.differs else ("", "dim")
            table.add_row(mark, row.name, row.left, row.right, style=style)
        self.query_one("#table", Static).update(table)

    def say(self, words: str) -> None:
        self._snapshots = ()
        self.query_one("#table", Static).update(words)

    def write(self, folder: Path, stem: str, runs: tuple[Run, Run]) -> list[Path]:
        if not self._snapshots:
            return []
        rows = settings(self._snapshots[0].summary, self._snapshots[1].summary)
        path = export.unused_path(folder, stem, ".csv")
        columns = {"setting": [row.name for row in rows], runs[0].name: [row.left for row in rows]}
        export.save_table(path, columns | {runs[1].name: [row.right for row in rows]})
        return [path]
