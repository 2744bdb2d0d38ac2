"""What the form of a new run knows of images: where they lie, what is wrong with that, whose a prior can take."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from core.data import registry
from core.errors import ConfigError, DamagedFile, DataError, RunError
from core.runs.catalog import find_runs
from core.runs.first_stage import first_stage_settings


def path_problem(dataset: str, data_dir: Path) -> str:
    """Why there are no images of a user's own where they were typed to be; nothing where there are."""
    try:
        registry.check(*registry.source(dataset, data_dir))
    except (DataError, ConfigError) as error:
        return str(error)
    return ""


def images_missing(
    chosen: Mapping[str, str], values: Mapping[str, Any], taken_over: Mapping[str, Any], data_dir: Path
) -> str | None:
    """Why a prior cannot learn from images that nobody asked to download."""
    dataset = values["dataset"]
    place = Path(values["data_dir"] or data_dir)
    if chosen["dataset"] != "auto" or registry.is_on_disk(dataset, place):
        return None
    stage = taken_over.get("first_stage")
    if dataset in registry.OWN:
        return f"{place}, whose images {stage} learned, has none any more"
    return f"{dataset}, as of {stage}, is not on disk: choose {dataset} to download it, or {registry.EMBEDDED}"


def set_hint(chosen: str, taken_over: Mapping[str, Any], data_dir: Path) -> str:
    """What is known of the image set that is chosen."""
    if chosen == "auto" and taken_over:
        return f"{taken_over['dataset']}, as the first stage"
    if chosen == "auto":
        return registry.explain_auto(data_dir)
    if chosen.partition(":")[0] in registry.OWN:
        return "images of your own"
    if registry.is_on_disk(chosen, data_dir):
        return "on disk"
    return f"is downloaded to {data_dir} first"


def first_stages(runs_dir: Path, data_dir: Path) -> list[tuple[str, dict[str, Any]]]:
    """The runs whose latents a prior can learn, with what it takes over; those whose images are on disk come first."""
    found = []
    for run in find_runs(runs_dir):
        # The list of runs tells what is damaged; a run that learns a prior itself is no first stage.
        with suppress(RunError, DamagedFile, DataError, ConfigError, OSError):
            settings = first_stage_settings(run)
            if run.weights_version():
                found.append(
                    (not registry.is_on_disk(*registry.source(settings["dataset"], data_dir)), run.name, settings)
                )
    return [(name, settings) for _, name, settings in sorted(found, key=lambda stage: stage[:2])]
