"""The configuration of a run: its settings, checked, and where and when they were chosen."""

from __future__ import annotations

import math
import platform
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, Field, SerializerFunctionWrapHandler, ValidationError, model_serializer

from core import files
from core.data import registry
from core.data.registry import ImageSource
from core.errors import ConfigError, DamagedFile
from core.runs.architecture.presets import DEFAULT_PRESET, FIRST_STAGES, PRESETS
from core.runs.architecture.sizes import LATENT_SIZES
from core.runs.forks.origin import ForkedFrom
from core.runs.settings import EPOCHS, SETTINGS, Settings, Word
from core.runs.snapshots.moments import FEWEST
from core.text import either

FEWEST_IMAGES = 2  # that are normalised together: a batch, or a process's share of one
NAME_FORM = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
UNKNOWN_NAMED = 3
JSON_LIMIT = 1 << 20
OF_OWN = ("fit", "damaged")  # settings for a user's own images
OF_FIRST_STAGE = ("features", "latent_channels", "likelihood")  # settings that a learned prior has from there
# Which there were not in the first version that wrote runs.
LATER = ("fingerprint", "patience", "clip_norm", "snapshots", "forked_from", "sweep", *OF_OWN, *OF_FIRST_STAGE)
Model = TypeVar("Model", bound=BaseModel)


class RunConfig(Settings):
    """The settings of a run, and what was true when they were chosen; written once to config.json."""

    data_dir: Annotated[str, Field(max_length=4096)] | None = None
    fingerprint: Annotated[str, Field(max_length=64)] | None = None  # of the images, but of bundled ones
    first_stage_preset: Word | None = None
    forked_from: ForkedFrom | None = None
    sweep: Annotated[str, Field(max_length=100)] | None = None  # the name of the one that it was made for
    created: Annotated[str, Field(max_length=64)] = ""
    versions: dict[str, Annotated[str, Field(max_length=200)]] = {}

    @property
    def image_source(self) -> ImageSource:
        """Where the images come from."""
        place = Path(self.data_dir) if self.data_dir else None
        reading = registry.Reading(self.fit, self.damaged)
        return ImageSource(self.dataset, place, self.holdout, self.fingerprint or "", reading)

    @property
    def typed_dataset(self) -> str:
        """The data set as a user types it."""
        return f"{self.dataset}:{self.data_dir}" if self.dataset in registry.OWN else self.dataset

    @property
    def dataset_title(self) -> str:
        """The data set in a few words: of a user's own images without the folders above."""
        return f"{self.dataset}:{Path(self.data_dir or '').name}" if self.dataset in registry.OWN else self.dataset

    @model_serializer(mode="wrap")
    def _without_nothing(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Without what is as usual of what earlier versions do not know: they would not train such a run."""
        written: dict[str, Any] = serialize(self)
        usual = {name: type(self).model_fields[name].default for name in LATER}
        return {name: each for name, each in written.items() if name not in usual or each != usual[name]}

    @property
    def sources(self) -> tuple[str, ...]:
        """What its latents can be drawn from: the samplers of the preset, and a grid where there are two numbers."""
        return (*self.preset_record.samplers, *(("grid",) if self.sizes.latent_size == 2 else ()))

    @property
    def encodes_to_points(self) -> bool:
        """Whether its autoencoder, of a learned prior the first stage, has points in place of posteriors."""
        preset = PRESETS.get(self.first_stage_preset or self.preset)
        return preset is not None and not (preset.has_kl or preset.learns_prior)

    @property
    def newer(self) -> str | None:
        """Why this version can show the run but not train it: a newer one wrote it. None where it can."""
        values = {name: getattr(self, name) for name in SETTINGS}
        unknown = [f"{name} {value}" for name, value in values.items() if not SETTINGS[name].allows(value)]
        if self.first_stage_preset not in (None, *FIRST_STAGES):
            unknown.append(f"first stage {self.first_stage_preset}")
        unknown += map(_quoted, self.model_extra or {})
        if not unknown:
            return None
        named = ", ".join(unknown[:UNKNOWN_NAMED]) + (", ..." if len(unknown) > UNKNOWN_NAMED else "")
        return f"written by a newer version of vae-tui; this one does not know {named.replace('_', ' ')}"

    def validates_after(self, epoch: int, epochs: int) -> bool:
        """Whether the epoch that ends as number `epoch` (from 1) of `epochs` is followed by a validation."""
        return epoch % self.validate_every == 0 or epoch == epochs

    def measures_after(self, epoch: int, epochs: int) -> bool:
        """Whether it is followed by a measurement of the Fréchet distance of samples."""
        return self.measure_every > 0 and (epoch % self.measure_every == 0 or epoch == epochs)


def make_config(**values: Any) -> RunConfig:
    """A configuration of checked values, stamped. Raises ConfigError."""
    return stamp(check_values(**values))


def check_values(**values: Any) -> RunConfig:
    """A configuration; values may be text as typed by a user, and None means the default. Raises ConfigError."""
    given = {name: value for name, value in values.items() if value is not None}
    found = dict(_unknown(given))
    try:
        config = RunConfig(**defaults(given) | given)
    except ValidationError as error:
        raise ConfigError(problems(error) | found) from None
    if found:
        raise ConfigError(found)
    preset = config.preset_record
    if config.batch_size < FEWEST_IMAGES * config.processes:
        wanted = f"at most {config.batch_size // FEWEST_IMAGES} for batches of {config.batch_size}"
        raise ConfigError({"processes": f"processes must be {wanted}, not {config.processes}"})
    if 0 < config.snapshots < FEWEST:
        raise ConfigError({"snapshots": f"snapshots must be 0 or at least {FEWEST}, not {config.snapshots}"})
    most = registry.most_held_out(config.dataset)
    if config.holdout > most:
        raise ConfigError({"holdout": f"holdout must be at most {most} for {config.dataset}, not {config.holdout}"})
    if config.measure_every and config.dataset not in registry.DIGITS:
        wanted = f"0 for {config.dataset}: a classifier of digits measures"
        raise ConfigError({"measure_every": f"measure every must be {wanted}, not {config.measure_every}"})
    for name in OF_OWN if config.dataset not in registry.OWN else ():
        if (value := getattr(config, name)) != RunConfig.model_fields[name].default:
            wanted = f"left out for {config.dataset}: it is for images of your own"
            raise ConfigError({name: f"{name} must be {wanted}, not {value}"})
    if (config.likelihood, config.decoder_variance) == ("bernoulli", "optimal"):
        wanted = "fixed for the likelihood bernoulli, which has none"
        raise ConfigError({"decoder_variance": f"decoder variance must be {wanted}, not optimal"})
    low, high = LATENT_SIZES
    if not low <= config.sizes.latent_size <= high:
        channels, rows, columns = config.sizes.latent_shape
        size = config.sizes.latent_size
        made = f"{size:,} number{'s' * (size != 1)} ({channels}x{rows}x{columns})"
        wanted = f"such that a latent has {low} to {high:,} numbers, not {made}"
        raise ConfigError({"latent_channels": f"latent channels must be {wanted}"})
    if (images := config.image_source.training_images) is not None:
        check_last_batch(config, images)
    for name, setting in SETTINGS.items():
        value = getattr(config, name)
        if name in OF_FIRST_STAGE and preset.learns_prior:
            continue  # taken over
        if value != RunConfig.model_fields[name].default and not setting.applies(preset):
            wanted = f"left out for preset {preset.name}"
            raise ConfigError({name: f"{name.replace('_', ' ')} must be {wanted}, not {value}"})
    if preset.learns_prior and config.first_stage_preset is None:
        raise ConfigError(
            {"first_stage": f"first stage must be the name of a run, not {config.first_stage or 'nothing'}"}
        )
    return config


def check_last_batch(config: RunConfig, images: int) -> None:
    """Raise ConfigError where so many images to train on leave an autoencoder one that it cannot normalise by itself.

    A level of one pixel has a single number of each channel then.
    """
    if config.preset_record.learns_prior or config.sizes.latent_shape[1] > 1:
        return
    if 0 < images % config.batch_size < FEWEST_IMAGES:
        size = config.batch_size
        wanted = f"another than {size}, which leaves a last batch of 1 of {images:,} images"
        raise ConfigError(
            {"batch_size": f"batch size must be {wanted}: where a level has one pixel, that cannot be normalised"}
        )


def defaults(given: Mapping[str, Any]) -> dict[str, Any]:
    """What the settings are that were not chosen, where these were."""
    found = {name: declared.default for name, declared in Settings.model_fields.items()}
    preset = PRESETS.get(str(given.get("preset", DEFAULT_PRESET)))
    found |= preset.defaults if preset else {}
    # The first weighs the KL divergence itself; with the other the loss is minus the ELBO.
    if given.get("decoder_variance") == "optimal" or given.get("likelihood") == "bernoulli":
        found["beta"] = Settings.model_fields["beta"].default
    with suppress(ValueError):
        if float(given.get("epochs", found["epochs"])) < EPOCHS:  # a short run could end without a validation
            found["validate_every"] = 1
    return found


def chosen(settings: Settings) -> dict[str, object]:
    """The settings that are not the defaults of the preset."""
    usual = defaults(vars(settings))
    return {name: value for name in SETTINGS if (value := getattr(settings, name)) != usual[name]}


def differing(config: RunConfig) -> dict[str, object]:
    """The settings that are not the defaults of the preset; of a fork those that its parent had otherwise."""
    if config.forked_from is None:
        return chosen(config)
    return {name: getattr(config, name) for name in SETTINGS if name in config.forked_from.changed}


def _unknown(given: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Messages on names that are no settings and values that are no choices; files of a newer version may have both."""
    for name, value in given.items():
        said = _quoted(name).replace("_", " ")
        if name not in RunConfig.model_fields:
            yield _quoted(name), f"{said} is not a setting of a run"
        elif name in SETTINGS and not SETTINGS[name].allows(value):
            yield name, f"{said} must be {SETTINGS[name].allowed}, not {_quoted(value)}"
        elif name == "first_stage_preset" and value not in FIRST_STAGES:
            yield name, f"{said} must be one of {either(FIRST_STAGES)}, not {_quoted(value)}"


def scheduled_rate(schedule: str, base: float, progress: float) -> float:
    """The rate after a fraction of the training. Cosine: Loshchilov & Hutter 2017, equation 5, one period."""
    return base if schedule == "constant" else base * (1 + math.cos(math.pi * progress)) / 2


def stamp(config: RunConfig) -> RunConfig:
    """The configuration with the present time and installed versions."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    return config.model_copy(update={"created": now, "versions": installed_versions()})


def check_name(name: str) -> str:
    """The name itself when a run folder may have it. Raises ConfigError."""
    if not NAME_FORM.fullmatch(name):
        allowed = "letters, digits, '.', '_' and '-', 100 at most, a letter or digit first"
        raise ConfigError({"name": f"name must consist of {allowed}, not {_quoted(name)}"})
    return name


def read_json(path: Path, model: type[Model], read: Callable[[Path, int], bytes] = files.read) -> Model:
    """What a JSON file of a run holds, checked. Raises DamagedFile or OSError."""
    content = read(path, JSON_LIMIT)
    try:
        return model.model_validate_json(content)
    except ValidationError as error:
        found = next(iter(problems(error).values()), "is not a JSON object")
        raise DamagedFile(path, found) from None


def write_json(path: Path, content: BaseModel) -> None:
    """Put it in place of the file. Raises OSError."""
    files.replace(path, content.model_dump_json(indent=2).encode() + b"\n")


def installed_versions() -> dict[str, str]:
    """The versions of Python and of the packages that training depends on; none of them is imported."""
    found = {"python": platform.python_version()}
    for package in ("vae-tui", "torch", "torchvision", "numpy"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed as a package"
    return found


def problems(error: ValidationError) -> dict[str, str]:
    """A message for each field that failed."""
    return {_quoted(str(found["loc"][0])): _message(found) for found in error.errors() if found["loc"]}


def _message(found: Any) -> str:
    field, kind, context = _quoted(str(found["loc"][0])), found["type"], found.get("ctx", {})
    name = field.replace("_", " ")
    if kind == "string_pattern_mismatch":
        wanted = "a plain word"
    elif kind.startswith("int_"):
        wanted = "a whole number"
    elif kind.startswith("float_"):
        wanted = "a number"
    else:
        wanted = {
            "greater_than_equal": "at least {ge:.10g}",
            "greater_than": "greater than {gt:g}",
            "less_than_equal": "at most {le:.10g}",
            "less_than": "less than {lt:g}",
            "finite_number": "a finite number",
        }.get(kind, "valid: " + found["msg"]).format(**context)
    wanted = wanted.replace("'", "")
    return f"{name} must be {wanted}, not {_quoted(found['input'])}"


def _quoted(value: Any) -> str:
    if isinstance(value, str):
        text = value
    elif isinstance(value, bool | float | None) or (isinstance(value, int) and abs(value) < 10**40):
        text = repr(value)
    else:  # writing it out could take for ever
        text = f"a huge {type(value).__name__}" if isinstance(value, int) else f"a {type(value).__name__}"
    return repr(text[:60]) if not text or not text.isprintable() or len(text) > 60 else text
