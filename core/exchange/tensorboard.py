"""A run as TensorBoard's event files: scalars, pictures of reconstructions, settings with the best validation."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import numpy as np

from core import files, packages
from core.arrays import Images
from core.errors import RunError
from core.runs.config import RunConfig
from core.runs.metrics.lines import COUNTS, EPOCH_COLUMNS, STEP_COLUMNS
from core.runs.metrics.reader import MetricsReader, Table
from core.runs.run import Run
from core.runs.settings import SETTINGS

NEEDED = packages.needs("TensorBoard's files need", "tensorboard")


def write(run: Run, folder: Path, pictures: tuple[Images, Images] | None = None) -> int:
    """Make a folder of event files, which must not exist yet; how many numbers are in it.

    `pictures` are images and their reconstructions, each (N, H, W) in [0, 1]. Raises RunError, DamagedFile,
    FileExistsError or OSError.
    """
    try:
        from tensorboardX import SummaryWriter
    except ImportError as error:
        raise RunError(NEEDED) from error
    config, metrics = run.config(), MetricsReader(run.metrics_path)
    metrics.poll()
    written = 0

    def fill(place: Path) -> None:
        nonlocal written
        writer = SummaryWriter(str(place))
        began = _created(config)
        for kind, table, names in (("train", metrics.steps, STEP_COLUMNS), ("epoch", metrics.epochs, EPOCH_COLUMNS)):
            written += _add_scalars(writer, kind, table, names, began)
        if pictures is not None:
            step = int(metrics.steps["step"][-1]) if len(metrics.steps) else 0
            grid = np.concatenate([np.concatenate([*row], axis=1) for row in pictures])
            writer.add_image("reconstructions", grid[None], step)
        losses = metrics.epochs["val_loss"]
        best = {"best/val_loss": float(np.nanmin(losses))} if np.isfinite(losses).any() else {}
        settings = {name: _plain(getattr(config, name)) for name in SETTINGS}
        writer.add_hparams(settings, best, name="settings")
        writer.close()

    files.make_folder(folder, 0o755, fill)
    return written


def _add_scalars(writer: object, kind: str, table: Table, names: tuple[str, ...], began: float) -> int:
    """Add every number of a table under `kind/name`; how many."""
    steps, times, count = table["step"], table["time"], 0
    for name in names:
        if name in COUNTS:
            continue
        values = table[name]
        for place in np.flatnonzero(np.isfinite(values)):
            writer.add_scalar(  # type: ignore[attr-defined]
                f"{kind}/{name}", float(values[place]), int(steps[place]), walltime=began + float(times[place])
            )
            count += 1
    return count


def _created(config: RunConfig) -> float:
    """When the run was made, in seconds since 1970; 0 where it does not say."""
    try:
        return datetime.fromisoformat(config.created).timestamp()
    except ValueError:
        return 0.0


def _plain(value: object) -> str | float | bool:
    return value if isinstance(value, bool | int | float | str) else str(value)
