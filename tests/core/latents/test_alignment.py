"""Planes that are turned like each other neither flip nor rotate."""

from __future__ import annotations

import numpy as np
import pytest

from core.arrays import Floats
from core.latents.aggregate import Latents
from core.latents.alignment import rotation, turned
from core.latents.projection import fit_pca
from core.shapes import LATENT_SIZE

POINTS = np.random.default_rng(0).normal(size=(300, 2)) * (3, 1)


def turn(angle: float) -> Floats:
    cosine, sine = np.cos(angle), np.sin(angle)
    turned_by: Floats = np.array([[cosine, -sine], [sine, cosine]])
    return turned_by


@pytest.mark.parametrize("moved", [turn(2.5), turn(-1.0) @ np.diag([1, -1]), np.array([[0, 1], [1, 0]])])
def test_what_was_turned_or_flipped_is_turned_back_wherever_it_lies(moved: Floats) -> None:
    back = rotation(POINTS @ moved + (5, -2), POINTS)
    assert np.allclose(POINTS @ moved @ back, POINTS)
    assert np.allclose(back @ back.T, np.eye(2))


def test_points_that_are_not_finite_do_not_count_and_none_turn_nothing() -> None:
    broken = np.concatenate([POINTS @ turn(1.0), [[np.nan, 0], [0, np.inf]]])
    assert np.allclose(rotation(broken, np.concatenate([POINTS, [[0, 0], [1, 1]]])), turn(-1.0))
    assert np.allclose(rotation(broken[-2:], POINTS[:2]), np.eye(2))
    assert np.allclose(rotation(np.zeros((3, 2)), POINTS[:3]), np.eye(2))


def test_a_plane_that_is_turned_has_its_way_back_turned_too() -> None:
    z = np.random.default_rng(1).normal(size=(400, LATENT_SIZE)) * np.linspace(3, 0.1, LATENT_SIZE)
    projection = fit_pca(Latents(z, np.zeros_like(z), np.zeros(len(z), int)))
    flipped = turned(projection, turn(0.7))
    assert np.allclose(flipped.project(z), projection.project(z) @ turn(0.7))
    assert np.allclose(flipped.invert(flipped.project(z[:5])), projection.invert(projection.project(z[:5])))
    assert flipped.explained is None
    assert flipped.axes[0] == "component 1, aligned"
