"""What was measured of two runs and is kept with them, side by side."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from rich.text import Text
from textual import work
from textual.app import ComposeResult
from textual.message import Message
from textual.widgets import Static

from core.errors import DamagedFile, describe
from core.evaluation.results import METRIC_DESCRIPTIONS
from core.latents.options import SAMPLERS
from core.runs.architecture.presets import Preset
from core.runs.keeping.evaluated import Evaluated, read_evaluated, suiting
from core.runs.run import Run
from core.text import printable
from tui import evaluation_table, formatting
from tui.messages import Snapshot
from tui.quantities import likelihoods
from tui.screens import exporting
from tui.screens.compare.view import MetricsView
from tui.screens.dialogs import ScrolledText
from tui.screens.exporting import Export
from tui.tables import PlainTable

# Those that depend on the classifier in whose features images are compared.
OF_FEATURES = (
    *("frechet_samples", "frechet_reconstructions", "frechet_floor"),
    *("precision", "recall", "classifier_confidence", "class_balance", "authenticity", "authenticity_floor"),
)
OF_LIKELIHOOD = ("elbo", "iwae")
OTHER_LIKELIHOOD = (
    "bounds on different likelihoods, of pixels as numbers and of drawn ones, say nothing about each other"
)
OTHER_FEATURES = "compared in the features of different classifiers: these figures say nothing about each other"
Found = tuple[Evaluated, ...] | str  # what was measured of a run, or why that cannot be read


@dataclass(frozen=True)
class Measured:
    """What was measured of two runs; `left` and `right` are None where nothing was."""

    left: Evaluated | None
    right: Evaluated | None
    is_of_one_likelihood: bool = True

    @classmethod
    def of(cls, found: Sequence[Found], presets: Sequence[Preset], likelihoods: Collection[str] = ()) -> Measured:
        """The newest of the left run, and of the right one what was measured likewise, else its newest."""
        one, other = (() if isinstance(each, str) else each for each in found)
        left = suiting(one, presets[0].default_sampler)
        alike = (each for each in other if left and (each.sampler, each.samples) == (left.sampler, left.samples))
        return cls(left, next(alike, None) or suiting(other, presets[1].default_sampler), len(likelihoods) < 2)

    @property
    def is_of_one_kind(self) -> bool:
        """Whether distances of both are in the same features."""
        return self.left is not None and self.right is not None and self.left.features == self.right.features

    def better(self, metric: str) -> str:
        """A sign on the side of the better figure; none where there is no telling."""
        sign = evaluation_table.BETTER.get(metric)
        left, right = (each.figures.get(metric) if each else None for each in (self.left, self.right))
        if left is None or right is None or sign is None or _value(self.left, metric) == _value(self.right, metric):
            return ""
        if metric in OF_FEATURES and not self.is_of_one_kind:
            return ""
        if metric in OF_LIKELIHOOD and not self.is_of_one_likelihood:
            return ""
        return "◂" if (left < right) == (sign == "↓") else "▸"


class EvaluationView(MetricsView):
    """The figures of both, with a sign at the better one."""

    title = "evaluation"
    topic = "frechet"

    @dataclass
    class Read(Message):
        """What is kept with both runs was read."""

        runs: tuple[Run, ...]
        found: list[Found]

    def __init__(self) -> None:
        super().__init__(id="evaluation")
        self._snapshots: Sequence[Snapshot] = ()
        self._measured: Measured | None = None

    def compose(self) -> ComposeResult:
        with ScrolledText():
            yield Static(id="figures", markup=False)

    def show_snapshots(self, snapshots: Sequence[Snapshot]) -> None:
        self._snapshots = snapshots[:2]
        self._read(tuple(snapshot.run for snapshot in self._snapshots))

    @work(thread=True, exclusive=True, group="evaluations")
    def _read(self, runs: tuple[Run, ...]) -> None:
        self.post_message(self.Read(runs, [_read_one(run) for run in runs]))

    def on_evaluation_view_read(self, message: Read) -> None:
        if message.runs != tuple(snapshot.run for snapshot in self._snapshots):
            return
        presets = [snapshot.summary.preset for snapshot in self._snapshots]
        self._measured = Measured.of(message.found, presets, likelihoods(self._snapshots))
        self.query_one("#figures", Static).update(self._table(message.found, self._measured))

    def _table(self, found: Sequence[Found], measured: Measured) -> PlainTable:
        table = PlainTable("", *(printable(snapshot.run.name) for snapshot in self._snapshots), "", box=None)
        sides = [measured.left, measured.right]
        for name, cells in _conditions(found, sides):
            table.add_row(name, *cells, style="dim")
        table.add_row()
        for metric in METRIC_DESCRIPTIONS:
            better = measured.better(metric)
            styles = ["bold" if better == sign else "" for sign in "◂▸"]
            values = [_value(side, metric) for side in sides]
            name = f"{evaluation_table.name_shown(metric)} {evaluation_table.BETTER.get(metric, '')}"
            table.add_row(name, *(Text(*each) for each in zip(values, styles, strict=True)), better)
        said = [] if measured.is_of_one_kind else [OTHER_FEATURES]
        said += [] if measured.is_of_one_likelihood else [OTHER_LIKELIHOOD]
        table.caption = "\n".join(said) if all(sides) else None
        return table

    def show_message(self, message: str) -> None:
        self._snapshots, self._measured = (), None
        self.query_one("#figures", Static).update(message)

    def to_export(self, stem: str, runs: tuple[Run, Run]) -> Export | None:
        measured = self._measured
        if measured is None or not (measured.left or measured.right):
            return None
        columns = {"metric": [*METRIC_DESCRIPTIONS]}
        for run, side in zip(runs, (measured.left, measured.right), strict=True):
            columns[run.name] = [_value(side, metric) for metric in METRIC_DESCRIPTIONS]
        return Export(lambda folder: exporting.write_table(folder, stem, columns))


def _read_one(run: Run) -> Found:
    try:
        return read_evaluated(run.evaluation_path, run.weights_path())
    except (DamagedFile, OSError) as error:
        return describe(error)


def _conditions(found: Sequence[Found], sides: Sequence[Evaluated | None]) -> list[tuple[str, list[str]]]:
    """How both were measured; why there is nothing, where there is nothing."""
    why = [each if isinstance(each, str) else "not measured: 7 does it" for each in found]
    return [
        ("sampler", [_sampler(side) if side else said for side, said in zip(sides, why, strict=True)]),
        ("samples", [f"{side.samples:,}" if side else "" for side in sides]),
        ("weights", [_weights(side) for side in sides]),
    ]


def _sampler(side: Evaluated) -> str:
    return SAMPLERS.get(side.sampler, printable(side.sampler))


def _weights(side: Evaluated | None) -> str:
    if side is None:
        return ""
    epoch = "epoch unknown" if side.epoch is None else f"epoch {side.epoch}"
    return epoch + {True: "", False: ", older", None: ", perhaps older"}[side.newest]


def _value(side: Evaluated | None, metric: str) -> str:
    value = side.figures.get(metric) if side else None
    if value is None:
        return formatting.NONE
    return evaluation_table.shown(int(value) if metric == "active_units" else value, metric)[0]
