"""Every setting of a run, declared once: checks, command line, form and documents follow from here."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from core.data import registry
from core.runs.architecture.presets import DEFAULT_PRESET, PRESETS, Preset, find_preset, has_kl, learns_prior
from core.runs.architecture.sizes import (
    FEATURES,
    FEATURES_FORM,
    LATENT_CHANNELS,
    LEVELS,
    MOST_LATENT_CHANNELS,
    WIDEST,
    Sizes,
    as_features,
)
from core.text import either

EPOCHS = 400
EPOCHS_LIMIT = 1_000_000
PROCESSES_LIMIT = 1024
# What stands for one of several choices. A newer version may write others, so every plain word can be read.
Counts = Annotated[str, Field(pattern=r"^[0-9]+(,[0-9]+)*$", max_length=40)]
Word = Annotated[str, Field(pattern=r"^[a-z0-9]+([-:][a-z0-9]+)*$", max_length=40)]


@dataclass(frozen=True)
class Setting:
    """What people read of a setting and where they meet it; type, bounds and default are those of its field."""

    help: str
    metavar: str = "N"
    choices: tuple[str, ...] = ()
    pattern: str = ""  # of what is allowed, where `choices` are only the forms of it
    form: str = ""  # of what the pattern allows, in words
    applies: Callable[[Preset], bool] = lambda preset: True
    common: bool = False  # on the first page of the form
    title: str = ""  # where it is not the name of the field
    default_text: str = ""  # where the default depends on other settings or on this machine
    sweep: str = ""  # values that a sweep may try, as an example; without it, all runs of a sweep have the same
    in_sweep: bool = True
    prefix: str = ""  # of its values in the names of a sweep's runs
    changes_loss: bool = False  # losses of runs that differ in it are different sums

    def allows(self, value: object) -> bool:
        """Whether this version knows the value; numbers are left to their bounds."""
        if self.pattern:
            return isinstance(value, str) and bool(re.fullmatch(self.pattern, value))
        return not self.choices or value in self.choices

    @property
    def allowed(self) -> str:
        """The choices in words."""
        if self.form:
            return self.form
        return either(self.choices) if self.pattern else f"one of {either(self.choices)}"


class Settings(BaseModel):
    """The settings of a run; a newer version's are kept, as `model_extra`."""

    model_config = ConfigDict(frozen=True, extra="allow", allow_inf_nan=False)

    preset: Annotated[
        Word,
        Setting(
            "; ".join(f"{preset.name}: {preset.description}" for preset in PRESETS.values()),
            "PRESET",
            tuple(PRESETS),
            common=True,
            sweep="vae,ae",
            changes_loss=True,
        ),
    ] = DEFAULT_PRESET
    dataset: Annotated[
        Word,
        Setting(
            f"Image set: {', '.join(registry.NAMES)}, auto, which is mnist if it is on disk, else mnist-5k, "
            f"or images of your own: {', '.join(registry.OWN.values())}",
            "SET",
            (*registry.NAMES, *registry.OWN.values()),
            pattern="|".join((*registry.NAMES, *registry.OWN)),
            common=True,
            title="data set",
            default_text="auto",
        ),
    ] = registry.EMBEDDED
    first_stage: Annotated[
        Annotated[str, Field(max_length=100)] | None,
        Setting("Run whose latents a prior learns", "RUN", applies=learns_prior, common=True),
    ] = None
    fit: Annotated[
        Word, Setting("Own images: crop to the square at the centre, or squeeze the whole", "FIT", registry.FITS)
    ] = registry.FITS[0]
    damaged: Annotated[
        Word, Setting("Own pictures that cannot be decoded: refuse the set, or skip them", "WHAT", registry.DAMAGED)
    ] = registry.DAMAGED[0]
    epochs: Annotated[int, Field(ge=1, le=EPOCHS_LIMIT), Setting("Passes over the training images", common=True)] = (
        EPOCHS
    )
    learning_rate: Annotated[
        float, Field(gt=0, le=1), Setting("Step size of Adam", "X", common=True, sweep="1e-3,3e-4", prefix="lr")
    ] = 1e-3
    batch_size: Annotated[
        int, Field(ge=2, le=10_000), Setting("Images per step", common=True, sweep="64,128", prefix="batch")
    ] = 128
    schedule: Annotated[
        Word,
        Setting(
            "Learning rate over the run: constant, or cosine, which falls to 0",
            "SCHEDULE",
            ("constant", "cosine"),
            sweep="constant,cosine",
        ),
    ] = "constant"
    beta: Annotated[
        float,
        Field(ge=0, le=1000),
        Setting("Weight of the KL divergence", "X", applies=has_kl, sweep="0.3,1", prefix="beta", changes_loss=True),
    ] = 1.0
    decoder_variance: Annotated[
        Word,
        Setting(
            "Variance of the decoder: fixed at 1/2, as squared error plus KL assumes, or optimal, the error itself",
            "VARIANCE",
            ("fixed", "optimal"),
            applies=has_kl,
            sweep="fixed,optimal",
            changes_loss=True,
        ),
    ] = "fixed"
    likelihood: Annotated[
        Word,
        Setting(
            "Of pixels: gaussian, with the squared error, or bernoulli, black or white, drawn anew in each step",
            "LIKELIHOOD",
            ("gaussian", "bernoulli"),
            applies=lambda each: not each.learns_prior,
            sweep="gaussian,bernoulli",
            changes_loss=True,
        ),
    ] = "gaussian"
    dynamics: Annotated[
        Word,
        Setting(
            "How a prior adds noise: flow, along straight lines, or ddpm, in 1,000 steps",
            "DYNAMICS",
            ("flow", "ddpm"),
            applies=learns_prior,
            sweep="flow,ddpm",
            changes_loss=True,
        ),
    ] = "flow"
    precision: Annotated[
        Word,
        Setting(
            "Numbers computed with: float32, bfloat16, or auto, which is bfloat16 on processors that multiply it",
            "PRECISION",
            ("auto", "float32", "bfloat16"),
            sweep="float32,bfloat16",
        ),
    ] = "auto"
    features: Annotated[
        Counts,
        BeforeValidator(lambda typed: as_features(typed) if isinstance(typed, str) else typed),
        Setting(
            f"Channels of the levels, 1 to {LEVELS} numbers up to {WIDEST}; each level halves the sides of an image",
            "N,N,...",
            pattern=FEATURES_FORM,
            form=f"1 to {LEVELS} numbers from 1 to {WIDEST} such as {FEATURES}",
            applies=lambda each: not each.learns_prior,
        ),
    ] = FEATURES
    latent_channels: Annotated[
        int,
        Field(ge=1, le=MOST_LATENT_CHANNELS),
        Setting("Channels of the latent", applies=lambda each: not each.learns_prior, sweep="2,4,8", prefix="latent"),
    ] = LATENT_CHANNELS
    seed: Annotated[
        int,
        Field(ge=0, le=2**32 - 1),
        Setting(
            "Seed of all random numbers; the same seed gives the same run", common=True, sweep="0-4", prefix="seed"
        ),
    ] = 0
    device: Annotated[
        Word,
        Setting(
            "Device to train on: auto, cpu, cuda, cuda:N or mps",
            "DEVICE",
            ("auto", "cpu", "cuda", "cuda:N", "mps"),
            pattern=r"auto|cpu|mps|cuda(:\d{1,2})?",
            common=True,
        ),
    ] = "auto"
    validate_every: Annotated[
        int,
        Field(ge=1, le=EPOCHS_LIMIT),
        Setting("Epochs between validations", default_text=f"10; 1 below {EPOCHS} epochs"),
    ] = 10
    holdout: Annotated[
        int,
        Field(ge=0),
        Setting(
            "Training images kept for validation, which then does without the test images",
            default_text="0; that of the first stage",
        ),
    ] = 0
    measure_every: Annotated[
        int,
        Field(ge=0, le=EPOCHS_LIMIT),
        Setting("Epochs between measurements of the Fréchet distance of samples; 0: none"),
    ] = 0
    patience: Annotated[
        int,
        Field(ge=0, le=EPOCHS_LIMIT),
        Setting("Validations without a lower loss after which training ends early; 0: it never does"),
    ] = 0
    clip_norm: Annotated[
        float,
        Field(ge=0, le=1_000_000),
        Setting(
            "Norm above which the gradient of a step is scaled down to it; 0: none", "X", sweep="0,1", prefix="clip"
        ),
    ] = 0.0
    snapshots: Annotated[
        int,
        Field(ge=0, le=100),
        Setting("Moments of the training whose weights are kept; 0: none", applies=lambda each: not each.learns_prior),
    ] = 30
    processes: Annotated[
        int,
        Field(ge=1, le=PROCESSES_LIMIT),
        Setting("Processes that train together, one on each GPU, and share every batch", in_sweep=False),
    ] = 1

    @property
    def sizes(self) -> Sizes:
        """Those of its autoencoder; of a learned prior those of its first stage."""
        return Sizes.of(self.features, self.latent_channels)

    @property
    def parameters(self) -> int:
        """How many the model has that it trains. Raises RunError for a preset of a newer version."""
        return self.preset_record.count(self.sizes)

    @property
    def preset_record(self) -> Preset:
        """The preset that the run has by name. Raises RunError for one of a newer version."""
        return find_preset(self.preset)


SETTINGS: dict[str, Setting] = {
    name: next(found for found in declared.metadata if isinstance(found, Setting))
    for name, declared in Settings.model_fields.items()
}


def title(name: str) -> str:
    """What a setting is called where people meet it."""
    return (name in SETTINGS and SETTINGS[name].title) or name.replace("_", " ")


def is_plural(name: str) -> bool:
    """Whether what a setting is called takes a verb in the plural."""
    return name in ("features", "latent_channels")


def default_text(name: str) -> str:
    """What a setting is where it was not chosen, in words: `1; vae: 0.4`."""
    if SETTINGS[name].default_text:
        return SETTINGS[name].default_text
    usual = Settings.model_fields[name].default
    others = [f"{preset.name}: {preset.defaults[name]}" for preset in PRESETS.values() if name in preset.defaults]
    return "; ".join([as_text(usual), *others]) if usual is not None else ""


def as_text(value: object) -> str:
    """The value of a setting as a user would type it."""
    return f"{value:g}" if isinstance(value, float) else str(value)


def other_losses(differing: Iterable[str]) -> str:
    """Why losses of runs that differ in these settings do not compare; nothing where they do."""
    named = " or ".join(name.replace("_", " ") for name in differing if SETTINGS[name].changes_loss)
    return f"losses of another {named} are other sums" if named else ""
