"""The settings and results of two runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textual.app import ComposeResult
from textual.widgets import Static

from core.runs.catalog import RunSummary
from core.runs.config import RunConfig
from core.runs.forks.origin import ForkedFrom
from core.runs.run import Run
from core.runs.settings import title
from core.text import printable
from tui import formatting, quantities
from tui.messages import Snapshot
from tui.run_columns import MORE_COLUMNS
from tui.screens import exporting
from tui.screens.compare.view import MetricsView
from tui.screens.dialogs import ScrolledText
from tui.screens.exporting import Export
from tui.tables import PlainTable


class SettingsView(MetricsView):
    """Every setting and result of both, those that differ marked."""

    title = "settings"
    topic = "settings"

    def __init__(self) -> None:
        super().__init__(id="settings")
        self._snapshots: Sequence[Snapshot] = ()

    def compose(self) -> ComposeResult:
        with ScrolledText():
            yield Static(id="table", markup=False)

    def show_snapshots(self, snapshots: Sequence[Snapshot]) -> None:
        snapshots = snapshots[:2]
        self._snapshots = snapshots
        left, right = (snapshot.summary for snapshot in snapshots)
        rows = settings(left, right)
        differ = f"{sum(row.differs for row in rows)} of {len(rows)} differ"
        self.heading = "; ".join(filter(None, (differ, quantities.other_sums(left, right))))
        table = PlainTable("", "", *(printable(snapshot.run.name) for snapshot in snapshots), box=None)
        for row in rows:
            mark, style = ("≠", None) if row.differs else ("", "dim")
            table.add_row(mark, row.name, row.left, row.right, style=style)
        self.query_one("#table", Static).update(table)

    def show_message(self, message: str) -> None:
        self._snapshots = ()
        self.query_one("#table", Static).update(message)

    def to_export(self, stem: str, runs: tuple[Run, Run]) -> Export | None:
        if not self._snapshots:
            return None
        rows = settings(self._snapshots[0].summary, self._snapshots[1].summary)
        columns = {"setting": [row.name for row in rows], runs[0].name: [row.left for row in rows]}
        columns[runs[1].name] = [row.right for row in rows]
        return Export(lambda folder: exporting.write_table(folder, stem, columns))


@dataclass(frozen=True)
class Row:
    """A setting or a result of two runs."""

    name: str
    left: str
    right: str

    @property
    def differs(self) -> bool:
        return self.left != self.right


def settings(left: RunSummary, right: RunSummary) -> list[Row]:
    """Every hyper-parameter, the size of the models, then how far the runs are and what they reached."""
    configs = [summary.config for summary in (left, right)]
    left_out = {"created", "versions", "data_dir"}
    left_out |= {
        name
        for name in ("fingerprint", "forked_from", "sweep")
        if not any(config and getattr(config, name) for config in configs)
    }
    fields = [field for field in RunConfig.model_fields if field not in left_out]
    rows = [Row(title(field), *(_setting(config, field) for config in configs)) for field in fields]
    sizes = [formatting.latent_size(config.sizes) if config else formatting.NONE for config in configs]
    counts = [MORE_COLUMNS["parameters"](summary).plain or formatting.NONE for summary in (left, right)]
    rows += [Row("latent size", *sizes), Row("parameters", *counts)]
    packages = dict.fromkeys(package for config in configs if config for package in config.versions)
    rows += [Row(f"{name} version", *(_version(config, name) for config in configs)) for name in packages]
    loss = "loss, other sums" if quantities.other_sums(left, right) else "loss"
    rows += [
        Row("state", str(left.state or "damaged"), str(right.state or "damaged")),
        Row("epochs done", _epoch(left), _epoch(right)),
        Row(f"training {loss}", formatting.loss(left.train_loss), formatting.loss(right.train_loss)),
        Row(f"validation {loss}", formatting.validation(left), formatting.validation(right)),
    ]
    return rows


def _setting(config: RunConfig | None, field: str) -> str:
    value = None if config is None else getattr(config, field)
    if isinstance(value, ForkedFrom):
        return value.place
    return "–" if value is None else f"{value:g}" if isinstance(value, float) else printable(str(value))


def _version(config: RunConfig | None, package: str) -> str:
    return printable(config.versions.get(package, "–")) if config else "–"


def _epoch(summary: RunSummary) -> str:
    return str(summary.status.epoch) if summary.status else "–"
