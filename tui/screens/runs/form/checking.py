"""What is checked of a form beside the settings as a whole: the name of the run, and the sizes by themselves."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from core.errors import ConfigError, describe
from core.runs.config import RunConfig, check_name, check_values
from core.runs.keeping.names import unused_name

SIZES = ("features", "latent_channels")
OF_MODEL = ("preset", "first_stage", "first_stage_preset", "likelihood", *SIZES)


def suggested_name(runs_dir: Path, stem: str) -> str:
    """A name that no run has; the stem itself where the folder cannot be looked into, of which `name_problem` tells."""
    with suppress(OSError):
        return unused_name(runs_dir, stem)
    return stem


def name_problem(runs_dir: Path, name: str) -> dict[str, str]:
    """What is wrong with the name of a run or with the folder it is to lie in, if anything is."""
    try:
        taken = (runs_dir / check_name(name)).exists()
    except ConfigError as error:
        return error.problems
    except OSError as error:
        return {"name": describe(error)}
    return {"name": f"{name} exists already"} if taken else {}


def model_of(values: Mapping[str, Any]) -> RunConfig | None:
    """A run with the model of these settings and all others as usual; None where the model itself is wrong."""
    try:
        return check_values(**{name: values[name] for name in OF_MODEL if name in values})
    except ConfigError:
        return None
