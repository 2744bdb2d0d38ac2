"""What two runs have in common and where they differ."""

from __future__ import annotations

from dataclasses import dataclass

from core.runs.catalog import RunSummary
from core.runs.config import RunConfig
from core.runs.settings import title
from core.text import printable
from tui import formatting


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
    """Every hyper-parameter, then how far the runs are and what they reached."""
    configs = [summary.config for summary in (left, right)]
    left_out = {"created", "versions", "data_dir"}
    if not any(config and config.fingerprint for config in configs):
        left_out.add("fingerprint")
    fields = [field for field in RunConfig.model_fields if field not in left_out]
    rows = [Row(title(field), *(_setting(config, field) for config in configs)) for field in fields]
    packages = dict.fromkeys(package for config in configs if config for package in config.versions)
    rows += [Row(f"{name} version", *(_version(config, name) for config in configs)) for name in packages]
    rows += [
        Row("state", str(left.state or "damaged"), str(right.state or "damaged")),
        Row("epochs done", _epoch(left), _epoch(right)),
        Row("training loss", formatting.loss(left.train_loss), formatting.loss(right.train_loss)),
        Row("validation loss", formatting.validation(left), formatting.validation(right)),
    ]
    return rows


def _setting(config: RunConfig | None, field: str) -> str:
    value = None if config is None else getattr(config, field)
    return "–" if value is None else f"{value:g}" if isinstance(value, float) else printable(str(value))


def _version(config: RunConfig | None, package: str) -> str:
    return printable(config.versions.get(package, "–")) if config else "–"


def _epoch(summary: RunSummary) -> str:
    return str(summary.status.epoch) if summary.status else "–"
