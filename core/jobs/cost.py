"""What a run will cost, from what training the same model took on this machine the last time."""

from __future__ import annotations

import socket
from contextlib import suppress
from pathlib import Path
from typing import Annotated, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, RootModel, ValidationError

from core import files, folders
from core.data import registry
from core.errors import DamagedFile
from core.runs.config import OF_FIRST_STAGE, RunConfig
from core.runs.metrics.lines import last_lines
from core.runs.run import Run
from core.runs.settings import SETTINGS
from core.runs.snapshots.moments import most_kept, size_of

LARGEST = 1 << 16  # bytes
MOST = 200  # of machines, presets and devices
LIKELIHOODS = SETTINGS["likelihood"].choices
SHORTEST = 20.0  # seconds of training that tell what is usual
# Weights and the best ones, and the state with weights and two moments of each; in bytes of a parameter.
KEPT_OF_PARAMETER = 20
KEPT_OF_IMAGE = 8  # the order of an epoch
KEPT_OF_SECOND = 500  # two lines of metrics
KEPT_OF_EPOCH = 300


class Pace(BaseModel):
    """How fast a preset trained, validation included, and the memory that its process took, in bytes."""

    model_config = ConfigDict(frozen=True)

    images_per_second: Annotated[float, Field(gt=0, le=1e12)]
    memory: Annotated[int, Field(ge=0, le=2**53)]


class Paces(RootModel[dict[str, Pace]]):
    """Those of each machine, preset and kind of device."""


class Cost(NamedTuple):
    """Seconds, and bytes of disk and memory; None is what is not known yet."""

    seconds: float | None
    disk: int
    memory: int | None


def pace_file() -> Path:
    """Where the paces of this user are kept. Raises OSError or DamagedFile."""
    return folders.state_dir() / "pace.json"


def read_paces() -> dict[str, Pace]:
    """What is known; nothing where that cannot be read, as it is only ever a guess."""
    with suppress(OSError, DamagedFile, ValidationError):
        return Paces.model_validate_json(files.read(pace_file(), LARGEST)).root
    return {}


def keep_pace(run: Run, memory: int) -> None:
    """Keep how fast a run trained that has ended, where it trained for long enough to tell.

    Raises OSError or DamagedFile.
    """
    config, device = run.config(), run.status().device
    last = last_lines(run.metrics_path)
    if last.get("step", {}).get("time", 0) < SHORTEST or not last.get("epoch", {}).get("images_per_second"):
        return
    new = Pace(images_per_second=last["epoch"]["images_per_second"], memory=memory)
    key = _key(config, device)
    others = {other: pace for other, pace in read_paces().items() if other != key}
    kept = dict([*others.items(), (key, new)][-MOST:])
    pace_file().parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    files.replace(pace_file(), Paces(kept).model_dump_json(indent=2).encode() + b"\n")


def estimate(config: RunConfig, paces: dict[str, Pace]) -> Cost:
    """What a run with these settings costs, by itself on this machine."""
    known = config.image_source.training_images
    images = registry.IMAGES_LIMIT if known is None else known
    # As `auto` chooses: a GPU where there was one.
    kinds = ("cuda", "mps", "cpu") if config.device == "auto" else (config.device,)
    keys = [_key(config, kind) for kind in kinds]
    if "cpu" in kinds:  # where the same step is compiled for every likelihood; a GPU has kernels for one only
        keys += [_key(config.model_copy(update={"likelihood": each}), "cpu") for each in LIKELIHOODS]
    pace = next((paces[key] for key in keys if key in paces), None)
    seconds = config.epochs * images / pace.images_per_second if pace and known is not None else None
    disk = KEPT_OF_PARAMETER * config.parameters + KEPT_OF_IMAGE * images + KEPT_OF_EPOCH * config.epochs
    disk += most_kept(config) * size_of(config)
    return Cost(seconds, round(disk + KEPT_OF_SECOND * (seconds or 0)), pace.memory if pace else None)


def _key(config: RunConfig, device: str) -> str:
    """A machine, a model and a kind of device."""
    usual = RunConfig(preset=config.preset)
    others = [str(getattr(config, name)) for name in OF_FIRST_STAGE if getattr(config, name) != getattr(usual, name)]
    others += ["clipped"] if config.clip_norm else []  # which nothing of our own does the whole steps of
    return " ".join([socket.gethostname(), config.preset, *others, device.partition(":")[0]])
