"""What is checked of a form beside the settings as a whole: the name of the run, and the sizes by themselves."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core.errors import ConfigError
from core.runs.config import RunConfig, check_name, check_values

SIZES = ("features", "latent_channels")
OF_MODEL = ("preset", "first_stage", "first_stage_preset", "likelihood", *SIZES)


def name_problem(runs_dir: Path, name: str) -> dict[str, str]:
    """What is wrong with the name of a run, if anything is."""
    try:
        taken = (runs_dir / check_name(name)).exists()
    except ConfigError as error:
        return error.problems
    return {"name": f"{name} exists already"} if taken else {}


def model_of(values: Mapping[str, Any]) -> RunConfig | None:
    """A run with the model of these settings and all others as usual; None where the model itself is wrong."""
    try:
        return check_values(**{name: values[name] for name in OF_MODEL if name in values})
    except ConfigError:
        return None
