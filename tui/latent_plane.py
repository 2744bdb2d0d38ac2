"""A projection of latents in words and as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.latents.options import EMBEDDINGS, LINEAR

if TYPE_CHECKING:
    from core.arrays import Floats, Labels
    from core.explorer.results import LatentProjection


INACTIVE = 0.01  # variance of a posterior mean over the images, Burda et al. 2016


def heading(plane: LatentProjection, *, at_moment: bool, first: str = "") -> tuple[str, str]:
    """The projection; and `first`, which numbers among the axes are inactive, and what is known of it.

    Now, there is room after `first` for the accuracy only, beside a note about the images in 120 columns.
    """
    name, facts = (title_at_moment if at_moment else title)(plane)
    if first and not at_moment:
        facts = _accuracy(plane)
    spreads = zip(plane.projection.numbers or (), plane.points.var(axis=0), strict=False)
    still = " and ".join(f"z{number}" for number, spread in spreads if spread < INACTIVE)
    return name, ", ".join(filter(None, (first, still and f"{still} inactive, alike for all images", facts)))


def title(plane: LatentProjection) -> tuple[str, str]:
    """The projection; and its accuracy, explained variance and fit."""
    projection, options = plane.projection, plane.options
    name = projection.name if options.projection in LINEAR else EMBEDDINGS[options.projection].title
    if projection.numbers is not None:
        name = "latent numbers {} and {}".format(*projection.numbers)
    facts = []
    if projection.numbers is not None and plane.activity is not None:
        facts.append(f"{plane.active} of {len(plane.activity)} active")
    if options.projection in EMBEDDINGS:
        neighbours = options.neighbours or EMBEDDINGS[options.projection].neighbours
        some = f"{len(plane.points):,} of {plane.total:,} images, " if len(plane.points) < plane.total else ""
        facts.append(f"{some}{neighbours} neighbours, seed {options.seed}, fitted to what is shown")
    if accuracy := _accuracy(plane):
        facts.append(accuracy)
    if projection.explained is not None:
        first, second = projection.explained
        facts.append(f"explains {first:.0%} + {second:.0%}")
        facts.append(f"fitted to {'what is shown' if options.fit_on_shown else f'{plane.fitted:,} images'}")
    return f"{name} of {options.part}", ", ".join(facts)


def _accuracy(plane: LatentProjection) -> str:
    """How many images the axes put into their classes, where that is known."""
    if plane.accuracy is None:
        return ""
    held_out = plane.options.part == "validation" and not plane.options.fit_on_shown
    return f"{'held-out ' if held_out else ''}accuracy {plane.accuracy:.1%}"


def title_at_moment(plane: LatentProjection) -> tuple[str, str]:
    """The same of a moment of the training: the projection, how many images are shown, and where it was fitted."""
    name, whole = title(plane)
    if plane.options.projection in EMBEDDINGS:
        return name, whole
    facts = [f"{len(plane.points):,} of {plane.total:,} images"] if len(plane.points) < plane.total else []
    if plane.projection.numbers is None:
        facts.insert(0, "fitted to this moment" if plane.options.fit_each else "as fitted to the newest weights")
    if plane.accuracy is not None:
        facts.append(f"accuracy {plane.accuracy:.1%}")
    return name, ", ".join(facts)


def columns(plane: LatentProjection) -> dict[str, Floats | Labels]:
    """The points as columns of a table, with their indices in the image set."""
    x_label, y_label = plane.projection.axes
    return {
        "index": plane.indices,
        "class": plane.labels,
        x_label: plane.points[:, 0],
        y_label: plane.points[:, 1],
    }
