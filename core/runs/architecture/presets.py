"""The models that a run can have, each with the loss it is trained with, declared once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from core.data import registry
from core.errors import RunError
from core.runs.architecture.sizes import Sizes, autoencoder_parameters, denoiser_parameters


@dataclass(frozen=True)
class Preset:
    """A model and the loss it is trained with."""

    name: str
    description: str
    count: Callable[[Sizes], int]  # of parameters
    has_kl: bool = False  # in its loss
    learns_prior: bool = False  # over the latents of another run, its first stage
    samplers: tuple[str, ...] = ("prior", "gaussian", "full", "mixture")  # as a user steps through them
    default_sampler: str = "prior"  # the prior N(0, I) where training pulled the latents to it
    most_classes: int = registry.MOST_CLASSES  # of its images
    defaults: Mapping[str, Any] = field(default_factory=dict)  # that are not those of the post; see docs/quality.md

    @property
    def parameters(self) -> int:
        """How many it has with the sizes of the post."""
        return self.count(Sizes())


PRESETS: dict[str, Preset] = {
    preset.name: preset
    for preset in (
        Preset(
            "vae",
            "variational autoencoder with linear heads for mean and log-variance; the recommended one",
            count=partial(autoencoder_parameters, per_latent=2, head=True),
            has_kl=True,
            defaults={"learning_rate": 3e-3, "schedule": "cosine", "beta": 0.4},
        ),
        Preset(
            "vae-post",
            "variational autoencoder exactly as the post publishes it",
            count=partial(autoencoder_parameters, per_latent=2),
            has_kl=True,
        ),
        Preset(
            "ae",
            "plain autoencoder of the post, without a distribution over the latent",
            count=autoencoder_parameters,
            default_sampler="gaussian",
        ),
        Preset(
            "prior",
            "learned prior over the latents of another run, the first stage: latent diffusion",
            count=denoiser_parameters,
            learns_prior=True,
            most_classes=10,
            samplers=("prior", "gaussian", "full", "mixture", "learned"),
            default_sampler="learned",
            defaults={"epochs": 100, "schedule": "cosine"},
        ),
    )
}
DEFAULT_PRESET = "vae"
FIRST_STAGES = [preset.name for preset in PRESETS.values() if not preset.learns_prior]


def find_preset(name: str) -> Preset:
    """The preset of that name. Raises RunError."""
    if name not in PRESETS:
        raise RunError(f"preset {name} is of a newer version of vae-tui; this one has {', '.join(PRESETS)}")
    return PRESETS[name]


def has_kl(preset: Preset) -> bool:
    return preset.has_kl


def learns_prior(preset: Preset) -> bool:
    return preset.learns_prior
