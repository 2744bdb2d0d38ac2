"""What can be chosen when a run is looked at: names, bounds and messages, without PyTorch."""

from __future__ import annotations

import math
import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal, get_args

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

LATENT_NUMBERS = 64
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


def check_temperature(temperature: float | str) -> float:
    """The temperature, which may be text as typed by a user. Raises ConfigError."""
    low, high = TEMPERATURES
    try:
        number = float(temperature)
    except ValueError:
        number = math.nan
    if not low <= number <= high:
        raise ConfigError({"temperature": f"temperature must be from {low:g} to {high:g}, not {temperature}"})
    return number


def check_whole(what: str, text: str, low: int, high: int) -> int:
    """The whole number that a user typed. Raises ConfigError."""
    if not re.fullmatch(r"-?\d{1,12}", text.strip()) or not low <= int(text) <= high:
        raise ConfigError({what: f"{what} must be a whole number from {low} to {high}, not {text[:60]!r}"})
    return int(text)


def check_order(name: str) -> Order:
    """The name itself when it is an order of images. Raises ConfigError."""
    checked: Order = _check_name("order", name, get_args(Order))  # type: ignore[assignment]
    return checked


def check_part(name: str) -> Part:
    """The name itself when it is a part of an image set. Raises ConfigError."""
    checked: Part = _check_name("set", name, get_args(Part))  # type: ignore[assignment]
    return checked


def check_numbers(text: str) -> tuple[int, int]:
    """Two latent numbers typed as `3,17`. Raises ConfigError."""
    parts = text.split(",")
    if len(parts) != 2:
        raise ConfigError({"numbers": f"numbers must be two latent numbers such as 3,17, not {text[:60]!r}"})
    first, second = (check_whole("each of the numbers", part, 0, LATENT_NUMBERS - 1) for part in parts)
    if first == second:
        raise ConfigError({"numbers": f"numbers must be two different latent numbers, not {first} twice"})
    return first, second


def _check_name(what: str, name: str, known: Collection[str]) -> str:
    if name not in known:
        raise ConfigError({what: f"{what} must be one of {', '.join(known)}, not {name[:60]!r}"})
    return name
