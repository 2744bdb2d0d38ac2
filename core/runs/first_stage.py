"""What a new run takes over: the settings and weights of its first stage, for a learned prior; where images lie."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core.data import registry
from core.errors import ConfigError, DamagedFile, DataError, RunError
from core.runs.architecture.presets import FIRST_STAGES, find_preset
from core.runs.config import OF_FIRST_STAGE, OF_OWN
from core.runs.run import Run
from core.runs.settings import is_plural
from core.text import either


def first_stage_settings(run: Run) -> dict[str, Any]:
    """What the configuration of a learned prior takes over from the run whose latents it learns.

    Raises RunError for one that is a prior itself, DamagedFile or OSError.
    """
    config = run.config()
    if config.preset_record.learns_prior:
        raise RunError(f"{run.name} learns a prior itself; a first stage is a run of {either(FIRST_STAGES)}")
    taken = {"first_stage": run.name, "first_stage_preset": config.preset}
    own = {name: getattr(config, name) for name in (*OF_OWN, *OF_FIRST_STAGE)}
    return taken | {"dataset": config.typed_dataset, "holdout": config.holdout, **own}


def read_first_stage(run: Run) -> tuple[str, bytes]:
    """The preset and the weights of the first stage that a learned prior keeps.

    Raises RunError, DamagedFile or OSError.
    """
    preset = run.config().first_stage_preset
    if preset is None or find_preset(preset).learns_prior:
        raise DamagedFile(run.path / "config.json", "names no first stage of the prior")
    return preset, run.read_first_stage()


def with_images(settings: Mapping[str, Any], data_dir: Path, taken_over: Mapping[str, Any]) -> dict[str, Any]:
    """The settings, those taken over from a first stage where no others were chosen, and where the images lie.

    The image set `auto` becomes a name; images of a user's own a kind, and their path the folder.
    Raises DataError or ConfigError.
    """
    for name in OF_FIRST_STAGE:
        if name in taken_over and str(settings.get(name, taken_over[name])) != str(taken_over[name]):
            wanted = f"{'those' if is_plural(name) else 'that'} of {taken_over['first_stage']}, {taken_over[name]}"
            raise ConfigError({name: f"{name.replace('_', ' ')} must be {wanted}, not {settings[name]}"})
    chosen = {**taken_over, **{name: value for name, value in settings.items() if (name, value) != ("dataset", "auto")}}
    dataset, data_dir = registry.source(chosen.get("dataset", "auto"), data_dir)
    has_files = registry.folder(dataset, data_dir) is not None
    if has_files and not str(data_dir).isprintable():
        raise DataError(f"{data_dir} cannot be written down in a run: its name is not UTF-8, or cannot be printed")
    return chosen | {"dataset": dataset, "data_dir": str(data_dir) if has_files else None}
