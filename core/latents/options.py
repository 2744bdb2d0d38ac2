"""The options of samplers, projections and pages: their names and bounds, and the checks of what a user types."""

from __future__ import annotations

import math
import re
from collections.abc import Collection
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Literal, get_args

from core.errors import ConfigError

Order = Literal["index", "worst"]
Part = Literal["validation", "training"]
Projections = Literal["lda", "pca", "dims", "tsne", "umap"]
PathKind = Literal["straight", "spherical"]
# In the order in which a user steps through them.
SAMPLERS = {
    "prior": "the prior N(0, I)",
    "gaussian": "a Gaussian for each latent number",
    "full": "a Gaussian with full covariance",
    "mixture": "a mixture of 10 Gaussians",
    "learned": "the learned prior",
}
GRID = "grid"  # of a latent of two numbers
SOURCES = SAMPLERS | {GRID: "a grid over the quantiles of the prior"}
PROJECTIONS: dict[Projections, str] = {
    "lda": "linear discriminants",
    "pca": "principal components",
    "dims": "two latent numbers",
    "tsne": "neighbours stay near (t-SNE)",
    "umap": "neighbours stay near (UMAP)",
}
LINEAR: tuple[Projections, ...] = ("lda", "pca", "dims")  # those with a formula for any latent, and a way back


@dataclass(frozen=True)
class EmbeddingKind:
    """A plane that places the latents it is given: its title, and how many neighbours each has unless it is said."""

    title: str
    neighbours: int


EMBEDDINGS: dict[str, EmbeddingKind] = {"tsne": EmbeddingKind("t-SNE", 30), "umap": EmbeddingKind("UMAP", 15)}
NEIGHBOURS = (2, 500)
assert tuple(PROJECTIONS) == get_args(Projections)
ACTIVE_VARIANCE = 0.01  # of posterior means, above which a latent number is active (Burda et al. 2016)
TEMPERATURES = (0.0, 3.0)
GUIDANCES = (0.0, 10.0)
GUIDANCE_STEPS = (1.0, 1.5, 2.0, 3.0, 5.0)  # that keys go through
SEEDS = (0, 2**32 - 1)


def there() -> list[Projections]:
    """The projections that can be had here, in order: one of them needs a package that is an extra."""
    return [name for name in PROJECTIONS if name != "umap" or find_spec("umap") is not None]


@dataclass(frozen=True)
class SamplingOptions:
    """How a learned prior draws: a digit or any, the guidance towards it (1 is none), and the number of steps."""

    digit: int | None = None
    guidance: float = 1.0
    steps: int = 10


@dataclass(frozen=True)
class CompletionOptions:
    """How a digit of which some pixels are hidden is completed: how many answers, and their seed.

    A learned prior can be asked for a digit, with a guidance towards it (1 is none).
    """

    count: int = 6
    seed: int = 0
    digit: int | None = None
    guidance: float = 1.0


# The choices of each scheduler; the second is the default.
STEPS = {"flow": (4, 10, 20, 40, 100), "ddpm": (20, 50, 200, 1000)}


def default_sampling_options(scheduler: str) -> SamplingOptions:
    """Any digit, unguided, in as many steps as the scheduler needs for good samples."""
    return SamplingOptions(steps=STEPS[scheduler][1])


def parse_sampling_options(
    sampler: str, scheduler: str, digit: str | None, guidance: str | None, steps: str | None
) -> SamplingOptions:
    """What a user typed, or the defaults of the scheduler where it is None.

    Raises ConfigError, also for a sampler that has no options.
    """
    given = {"digit": digit, "guidance": guidance, "steps": steps}
    if sampler != "learned" and (name := next((name for name in given if given[name] is not None), None)):
        raise ConfigError({name: f"{name} goes with the sampler learned, not {sampler}"})
    return SamplingOptions(
        None if digit is None else check_whole("digit", digit, 0, 9),
        1.0 if guidance is None else _check_real("guidance", guidance, *GUIDANCES),
        default_sampling_options(scheduler).steps
        if steps is None
        else check_whole("steps", steps, 1, STEPS[scheduler][-1]),
    )


@dataclass(frozen=True)
class ProjectionOptions:
    """How latents are projected to the plane; `numbers` None takes the two latent numbers that vary most.

    At moments of the training that are over, the projection is that of the newest weights, or with `fit_each` is fitted
    at each moment. `seed` and `neighbours`, None for those of its kind, are those of an embedding, which is
    always fitted to what is shown.
    """

    projection: Projections = "lda"
    part: Part = "validation"
    fit_on_shown: bool = False
    numbers: tuple[int, int] | None = None
    fit_each: bool = False
    seed: int = 0
    neighbours: int | None = None


def usual_plane(latent_size: int) -> ProjectionOptions:
    """What is shown unless something else is chosen: a latent of two numbers is a plane already."""
    return ProjectionOptions("dims", numbers=(0, 1)) if latent_size == 2 else ProjectionOptions()


def grid_shape(count: int) -> tuple[int, int]:
    """Rows and columns of a grid of so many points, the nearest to a square with no fewer columns than rows."""
    rows = next(rows for rows in range(math.isqrt(count), 0, -1) if count % rows == 0)
    return rows, count // rows


def check_sampler(name: str, known: Collection[str]) -> str:
    """The name itself when it is one of the samplers that a run has. Raises ConfigError."""
    return _check_name("sampler", name, known)


def check_source(name: str, known: Collection[str]) -> str:
    """The name itself when the latents of a run can be drawn from it. Raises ConfigError."""
    if name == GRID and GRID not in known:
        said = f"sampler {GRID} needs a latent of two numbers; this run has {', '.join(known)}"
        raise ConfigError({"sampler": said})
    return check_sampler(name, known)


def check_projection(name: str, known: Collection[Projections] = tuple(PROJECTIONS)) -> Projections:
    """The name itself when it is one of these. Raises ConfigError."""
    checked: Projections = _check_name("projection", name, known)  # type: ignore[assignment]
    return checked


def check_temperature(temperature: float | str) -> float:
    """The temperature, which may be text as typed by a user. Raises ConfigError."""
    return _check_real("temperature", temperature, *TEMPERATURES)


def _check_real(what: str, value: float | str, low: float, high: float) -> float:
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not low <= number <= high:
        raise ConfigError({what: f"{what} must be from {low:g} to {high:g}, not {str(value)[:60]}"})
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


def check_numbers(text: str, size: int) -> tuple[int, int]:
    """Two of so many latent numbers, typed as `3,17`. Raises ConfigError."""
    parts = text.split(",")
    if len(parts) != 2:
        raise ConfigError({"numbers": f"numbers must be two latent numbers such as 3,17, not {text[:60]!r}"})
    first, second = (check_whole("each of the numbers", part, 0, size - 1) for part in parts)
    if first == second:
        raise ConfigError({"numbers": f"numbers must be two different latent numbers, not {first} twice"})
    return first, second


def _check_name(what: str, name: str, known: Collection[str]) -> str:
    if name not in known:
        raise ConfigError({what: f"{what} must be one of {', '.join(known)}, not {name[:60]!r}"})
    return name


def number_name(number: int, shape: tuple[int, int, int]) -> str:
    """A latent number with its place in a latent of that shape: channel, row, column."""
    _, rows, columns = shape
    channel, place = divmod(number, rows * columns)
    if rows * columns == 1:
        return f"z{number}"
    return f"z{number} (channel {channel}, row {place // columns}, column {place % columns})"
