"""What can be chosen when a run is looked at: names, bounds and messages, without PyTorch."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal, get_args

from core.config import ConfigError

Order = Literal["index", "worst"]
Part = Literal["validation", "training"]
Projections = Literal["lda", "pca", "dims"]
PathKind = Literal["straight", "spherical"]

# In the order in which a user steps through them.
SAMPLERS = {
    "prior": "the prior N(0, I)",
    "gaussian": "a Gaussian for each latent number",
    "full": "a Gaussian with full covariance",
    "mixture": "a mixture of 10 Gaussians",
}
PROJECTIONS: dict[Projections, str] = {
    "lda": "linear discriminants",
    "pca": "principal components",
    "dims": "two latent numbers",
}
assert tuple(PROJECTIONS) == get_args(Projections)

TEMPERATURES = (0.0, 3.0)
SEEDS = (0, 2**32 - 1)


@dataclass(frozen=True)
class PlaneChoice:
    """How latents are brought to the plane; `numbers` None takes the two latent numbers that vary most."""

    projection: Projections = "lda"
    part: Part = "validation"
    fit_on_shown: bool = False
    numbers: tuple[int, int] | None = None


def default_sampler(preset: str) -> str:
    """The sampler to begin with: the prior where training pulled the latents to it."""
    return "gaussian" if preset == "ae" else "prior"


def check_sampler(name: str) -> str:
    """The name itself when it is one of SAMPLERS. Raises ConfigError."""
    return _check_name("sampler", name, SAMPLERS)


def check_projection(name: str) -> Projections:
    """The name itself when it is one of PROJECTIONS. Raises ConfigError."""
    checked: Projections = _check_name("projection", name, PROJECTIONS)  # type: ignore[assignment]
    return checked


def check_temperature(temperature: float) -> float:
    """The temperature itself. Raises ConfigError."""
    low, high = TEMPERATURES
    if not (math.isfinite(temperature) and low <= temperature <= high):
        raise ConfigError({"temperature": f"temperature must be from {low:g} to {high:g}, not {temperature:g}"})
    return temperature


def _check_name(what: str, name: str, known: dict[Any, str]) -> str:
    if name not in known:
        raise ConfigError({what: f"{what} must be one of {', '.join(known)}, not {name[:60]!r}"})
    return name
