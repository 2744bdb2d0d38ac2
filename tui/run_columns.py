"""The columns of the run list, declared once for screen 1, `vae-tui runs` and the table of a sweep."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from rich.text import Text

from core.text import printable
from tui import formatting

if TYPE_CHECKING:
    from core.runs.catalog import RunSummary


def _right(text: str) -> Text:
    return Text(text, justify="right")


RUN_COLUMNS: Mapping[str, Callable[[RunSummary], Text]] = {
    "run": lambda run: Text(printable(run.run.name)),
    "preset": lambda run: Text(run.config.preset if run.config else formatting.NONE),
    "data set": lambda run: Text(printable(run.config.dataset_title) if run.config else formatting.NONE),
    "state": formatting.state,
    "epoch": lambda run: _right(formatting.epochs(run.status)),
    "train": lambda run: _right(formatting.loss(run.train_loss)),
    "val": lambda run: _right(formatting.validation(run)),
    "age": lambda run: _right(formatting.age(time.time() - run.changed) if run.changed else formatting.NONE),
}


def run_cells(run: RunSummary) -> list[Text]:
    """A run as a row of the list."""
    return [cell(run) for cell in RUN_COLUMNS.values()]
