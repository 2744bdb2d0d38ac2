"""What is handed on: snapshots from readers to screens, and messages from screens to the app."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from textual.message import Message

if TYPE_CHECKING:
    from core.arrays import Column, Images
    from core.runs.catalog import RunSummary
    from core.runs.config import RunConfig
    from core.runs.run import Run


@dataclass(frozen=True, eq=False)
class Snapshot:
    """All that the training screen shows of a run at one moment; the columns never change afterwards."""

    summary: RunSummary
    steps: dict[str, Column]
    epochs: dict[str, Column]
    weights_version: int = 0
    metrics_damage: str | None = None
    rates: dict[str, Column] = field(default_factory=dict)  # that were asked for while it trained
    unread: float = 0.0  # the share of the metrics that is still to be read
    devices: dict[str, Column] = field(default_factory=dict)  # how busy the GPU was
    waits: str = ""  # its place in the queue, and why it does not begin

    @property
    def run(self) -> Run:
        return self.summary.run

    @property
    def best_since(self) -> int:
        """Validations after this step can be the best one; those before it are of another loss in a fork."""
        config = self.summary.config
        return config.forked_from.best_since if config and config.forked_from else 0


@dataclass(frozen=True)
class RunUpdate:
    """A run in short and a number that changes whenever its newest weights do, 0 while there are none."""

    summary: RunSummary
    weights_version: int


@dataclass(frozen=True)
class Moment:
    """A moment of a training of which there is a snapshot, and what was measured last until then, after which epoch."""

    step: int
    epoch: float
    validation: tuple[int, float] | None = None
    distance: tuple[int, float] | None = None  # that of Fréchet


@dataclass(frozen=True)
class Moments:
    """All of a run, the first one first."""

    run: Run
    moments: tuple[Moment, ...]


@dataclass(frozen=True, eq=False)
class Preview:
    """Originals and reconstructions, each (N, 28, 28) in [0, 1]; or, without them, why there are none."""

    run: Run
    originals: Images | None = None
    reconstructions: Images | None = None
    message: str = ""


@dataclass
class RunOpened(Message):
    """All screens are to show this run, and the training screen is to be seen."""

    run: Run


@dataclass
class RunDeleted(Message):
    """A run lies in the trash."""

    run: Run
    in_trash: Run


@dataclass
class RunRestored(Message):
    """A run was taken back from the trash."""

    run: Run


@dataclass
class RunRenamed(Message):
    """A run has another name."""

    run: Run
    renamed: Run


@dataclass
class NewRunWanted(Message):
    """The form of a new run is to be seen, with the settings of another one."""

    like: RunConfig


@dataclass
class FilesWritten(Message):
    """What a screen shows was exported to these files."""

    files: list[Path]
