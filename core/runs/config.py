"""What a run is asked to do: every hyper-parameter, every bound and the message when a bound is broken."""

from __future__ import annotations

import platform
import re
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from core.data import registry
from core.data.registry import ImageSource
from core.errors import ConfigError

Preset = Literal["vae", "vae-post", "ae", "prior"]
FirstStage = Literal["vae", "vae-post", "ae"]
Precision = Literal["auto", "float32", "bfloat16"]
DecoderVariance = Literal["fixed", "optimal"]
Schedule = Literal["constant", "cosine"]
Dynamics = Literal["flow", "ddpm"]
PRESETS: dict[str, str] = {
    "vae": "variational autoencoder with linear heads for mean and log-variance; the recommended one",
    "vae-post": "variational autoencoder exactly as the post publishes it",
    "ae": "plain autoencoder of the post, without a distribution over the latent",
    "prior": "learned prior over the latents of another run, the first stage: latent diffusion",
}
assert tuple(PRESETS) == get_args(Preset)
# Where a preset does not begin from the post's values; docs/quality.md has what they were chosen by.
PRESET_VALUES: dict[str, dict[str, Any]] = {
    "vae": {"learning_rate": 3e-3, "schedule": "cosine", "beta": 0.4},
    "prior": {"epochs": 100, "schedule": "cosine"},
}
# What a preset has no use for.
UNUSED: dict[str, tuple[str, ...]] = {
    "vae": ("dynamics",),
    "vae-post": ("dynamics",),
    "ae": ("beta", "decoder_variance", "dynamics"),
    "prior": ("beta", "decoder_variance"),
}
EPOCHS = 400
EPOCHS_LIMIT = 1_000_000
BATCH_SIZE = 128
PROCESSES_LIMIT = 1024
FEWEST_IMAGES = 2  # in a process's share of a batch; batch normalisation needs more than one
LEARNING_RATE = 1e-3
VALIDATE_EVERY = 10
DEVICE_FORMS = "auto, cpu, cuda, cuda:N or mps"
NAME_FORM = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


class RunConfig(BaseModel):
    """The hyper-parameters of a run and where they were chosen; written once to config.json."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    preset: Preset = "vae"
    dataset: Literal["mnist", "fashion-mnist", "kmnist", "qmnist", "mnist-5k"] = "mnist-5k"
    data_dir: Annotated[str, Field(max_length=4096)] | None = None
    epochs: Annotated[int, Field(ge=1, le=EPOCHS_LIMIT)] = EPOCHS
    batch_size: Annotated[int, Field(ge=2, le=10_000)] = BATCH_SIZE
    learning_rate: Annotated[float, Field(gt=0, le=1)] = LEARNING_RATE
    schedule: Schedule = "constant"
    beta: Annotated[float, Field(ge=0, le=1000)] = 1.0
    decoder_variance: DecoderVariance = "fixed"
    first_stage: Annotated[str, Field(max_length=100)] | None = None
    first_stage_preset: FirstStage | None = None
    dynamics: Dynamics = "flow"
    seed: Annotated[int, Field(ge=0, le=2**32 - 1)] = 0
    device: Annotated[str, Field(pattern=r"^(auto|cpu|mps|cuda(:\d{1,2})?)$")] = "auto"
    precision: Precision = "auto"
    processes: Annotated[int, Field(ge=1, le=PROCESSES_LIMIT)] = 1
    validate_every: Annotated[int, Field(ge=1, le=EPOCHS_LIMIT)] = VALIDATE_EVERY
    holdout: Annotated[int, Field(ge=0)] = 0
    measure_every: Annotated[int, Field(ge=0, le=EPOCHS_LIMIT)] = 0
    created: Annotated[str, Field(max_length=64)] = ""
    versions: dict[str, Annotated[str, Field(max_length=200)]] = {}

    @property
    def image_source(self) -> ImageSource:
        """Where the images come from."""
        return ImageSource(self.dataset, Path(self.data_dir) if self.data_dir else None, self.holdout)

    def validates_after(self, epoch: int, epochs: int) -> bool:
        """Whether the epoch that ends as number `epoch` (from 1) of `epochs` is followed by a validation."""
        return epoch % self.validate_every == 0 or epoch == epochs

    def measures_after(self, epoch: int, epochs: int) -> bool:
        """Whether it is followed by a look at how good samples are."""
        return self.measure_every > 0 and (epoch % self.measure_every == 0 or epoch == epochs)


assert get_args(RunConfig.model_fields["dataset"].annotation) == registry.NAMES


def make_config(**values: Any) -> RunConfig:
    """A configuration of checked values, stamped. Raises ConfigError."""
    return stamp(check_values(**values))


def check_values(**values: Any) -> RunConfig:
    """A configuration; values may be text as typed by a user, and None means the preset's. Raises ConfigError.

    Without `validate_every`, runs shorter than the post's 400 epochs validate every epoch.
    """
    given = {field: value for field, value in values.items() if value is not None}
    usual = PRESET_VALUES.get(str(given.get("preset", "vae")), {})
    if given.get("decoder_variance") == "optimal":  # it weighs the KL divergence itself
        usual = {field: value for field, value in usual.items() if field != "beta"}
    given = usual | given
    try:
        config = RunConfig(**given)
    except ValidationError as error:
        raise ConfigError(problems(error)) from None
    if config.batch_size < FEWEST_IMAGES * config.processes:
        wanted = f"at most {config.batch_size // FEWEST_IMAGES} for batches of {config.batch_size}"
        raise ConfigError({"processes": f"processes must be {wanted}, not {config.processes}"})
    most = registry.most_held_out(config.dataset)
    if config.holdout > most:
        raise ConfigError({"holdout": f"holdout must be at most {most} for {config.dataset}, not {config.holdout}"})
    if config.measure_every and config.dataset not in registry.DIGITS:
        wanted = f"0 for {config.dataset}: a classifier of digits measures"
        raise ConfigError({"measure_every": f"measure every must be {wanted}, not {config.measure_every}"})
    for field in UNUSED[config.preset]:
        if (value := getattr(config, field)) != RunConfig.model_fields[field].default:
            wanted = f"left out for preset {config.preset}"
            raise ConfigError({field: f"{field.replace('_', ' ')} must be {wanted}, not {value}"})
    if (config.preset == "prior") != (config.first_stage_preset is not None):
        wanted = "the name of a run" if config.preset == "prior" else f"left out for preset {config.preset}"
        raise ConfigError({"first_stage": f"first stage must be {wanted}, not {config.first_stage or 'nothing'}"})
    if "validate_every" not in given and config.epochs < EPOCHS:
        return config.model_copy(update={"validate_every": 1})
    return config


def default_of(preset: str, field: str) -> Any:
    """What a setting is for a preset where nobody chooses it."""
    return PRESET_VALUES.get(preset, {}).get(field, RunConfig.model_fields[field].default)


def of_preset(field: str) -> str:
    """What a setting is where nobody chooses it, in words: `1; vae: 0.5`."""
    usual = RunConfig.model_fields[field].default
    others = [f"{preset}: {values[field]}" for preset, values in PRESET_VALUES.items() if field in values]
    return "; ".join([f"{usual:g}" if isinstance(usual, float) else str(usual), *others])


def stamp(config: RunConfig) -> RunConfig:
    """The configuration with the time and the versions in use."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    return config.model_copy(update={"created": now, "versions": installed_versions()})


def check_name(name: str) -> str:
    """The name itself when a run folder may have it. Raises ConfigError."""
    if not NAME_FORM.fullmatch(name):
        allowed = "letters, digits, '.', '_' and '-', 100 at most, a letter or digit first"
        raise ConfigError({"name": f"name must consist of {allowed}, not {_quoted(name)}"})
    return name


def installed_versions() -> dict[str, str]:
    """The versions that decide what a run computes, read without importing the packages."""
    found = {"python": platform.python_version()}
    for package in ("vae-tui", "torch", "torchvision", "numpy"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed as a package"
    return found


def problems(error: ValidationError) -> dict[str, str]:
    """One message for each field that failed, in the words of this project."""
    return {_quoted(str(found["loc"][0])): _message(found) for found in error.errors() if found["loc"]}


def _message(found: Any) -> str:
    field, kind, context = _quoted(str(found["loc"][0])), found["type"], found.get("ctx", {})
    name = field.replace("_", " ")
    if kind == "extra_forbidden":
        return f"{name} is not a setting of a run"
    if kind == "string_pattern_mismatch":
        wanted = DEVICE_FORMS
    elif kind.startswith("int_"):
        wanted = "a whole number"
    elif kind.startswith("float_"):
        wanted = "a number"
    else:
        wanted = {
            "greater_than_equal": "at least {ge:.10g}",
            "greater_than": "greater than {gt:g}",
            "less_than_equal": "at most {le:.10g}",
            "finite_number": "a finite number",
            "literal_error": "one of {expected}",
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
