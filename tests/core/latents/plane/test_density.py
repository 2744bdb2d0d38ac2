"""Densities of latents in the plane, and how they compare."""

from __future__ import annotations

import numpy as np
import pytest

from core.latents.plane.density import GRID, PlaneDensity, PlaneGaussians, PlanePoints, densities

NORMAL = PlaneGaussians(np.ones(1), np.zeros((1, 2)), np.eye(2)[None])


def drawn(count: int = 20_000, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((count, 2))


def at(density: PlaneDensity, values: np.ndarray, x: float, y: float) -> float:
    down, along = density.places(np.array([x]), np.array([y]))
    return float(values[down[0], along[0]])


def test_a_posterior_that_fills_the_prior_has_all_in_common_with_it() -> None:
    density = densities(drawn()[None], np.zeros(20_000, dtype=int), NORMAL)
    assert density.overlap == pytest.approx(1, abs=0.04)
    assert at(density, density.posterior, 0, 0) == pytest.approx(1 / (2 * np.pi), rel=0.15)
    inside = density.posterior_regions >= 3  # half of the mass of N(0, I) lies within sqrt(2 ln 2)
    area = inside.sum() * density.cell
    assert area == pytest.approx(np.pi * 2 * np.log(2), rel=0.15)


def test_what_is_drawn_is_as_dense_by_its_points_as_by_its_formula() -> None:
    posterior, labels = drawn(seed=1), np.zeros(20_000, dtype=int)
    shape = np.array([[2.0, 0.9], [0.9, 0.7]])
    exact = densities(posterior[None], labels, PlaneGaussians(np.ones(1), np.array([[0.5, 0.0]]), shape[None])).drawn
    points = PlanePoints(drawn(200_000, seed=2) @ np.linalg.cholesky(shape).T + [0.5, 0.0])
    sampled = densities(posterior[None], labels, points)
    exact_there = densities(posterior[None], labels, PlaneGaussians(np.ones(1), np.array([[0.5, 0.0]]), shape[None]))
    for x, y in ((0.5, 0.0), (1.5, 0.5), (0.0, 0.4)):
        assert at(sampled, sampled.drawn, x, y) == pytest.approx(at(exact_there, exact, x, y), rel=0.08)


def test_a_gap_between_classes_is_a_hole_and_a_crowd_is_none() -> None:
    labels = np.arange(20_000) % 2
    posterior = 0.3 * drawn() + np.where(labels, 2.0, -2.0)[:, None] * [1, 0]
    density = densities(posterior[None], labels, NORMAL)
    assert at(density, density.log_ratio, 0, 0) < -3
    assert at(density, density.log_ratio, 2, 0) > 1
    assert np.isnan(density.log_ratio[0, 0])
    assert density.overlap < 0.3
    assert density.posterior.shape == (GRID, GRID)


def test_nothing_is_said_where_too_few_draws_tell() -> None:
    labels = np.zeros(200, dtype=int)
    few = densities(drawn(200)[None], labels, NORMAL)
    many = densities(drawn(20_000)[None], np.zeros(20_000, dtype=int), NORMAL)
    said, said_of_many = (np.isfinite(each.log_ratio).mean() * each.cell for each in (few, many))
    assert said < 0.7 * said_of_many
    assert np.abs(few.log_ratio[np.isfinite(few.log_ratio)]).max() < 3, "no rim of chance"
    assert at(few, few.log_ratio, 0, 0) == pytest.approx(0, abs=1)
    far = densities(drawn(200)[None] + [4.0, 0.0], labels, NORMAL)
    assert at(far, far.log_ratio, 0, 0) < -5, "where draws would have fallen and none did, that is told"


def test_draws_of_one_image_tell_less_than_those_of_many() -> None:
    labels = np.zeros(200, dtype=int)
    narrow, wide = (drawn(200)[None] + width * drawn(4_000, seed=1).reshape(20, 200, 2) for width in (1e-3, 0.5))
    seen = [densities(each, labels, NORMAL).seen for each in (narrow[:1], narrow, wide)]
    # A kernel for more draws is narrower, and so has fewer of them.
    assert seen[1] == pytest.approx(seen[0] * 20 ** (-1 / 3), rel=0.05)
    assert seen[2] > 3 * seen[1]


def test_numbers_beyond_the_grid_are_nowhere() -> None:
    density = densities(drawn()[None], np.zeros(20_000, dtype=int), NORMAL)
    down, along = density.places(np.array([-1e9, 0.0]), np.array([1e9]))
    assert down.tolist() == [-1]
    assert along[0] == -1
    assert along[1] >= 0


def test_the_region_of_most_of_wide_posteriors_has_ranges() -> None:
    points = np.random.default_rng(0).standard_normal((20_000, 2)) * (1.0, 3.0)
    found = densities(points[None], np.zeros(len(points), int), NORMAL)
    # 90 % of a Gaussian lie within sqrt(-2 ln 0.1) deviations, 2.15.
    for (low, high), deviation in zip(found.limits(0.9), (1.0, 3.0), strict=True):
        assert -2.6 * deviation < low < -1.8 * deviation
        assert 1.8 * deviation < high < 2.6 * deviation


def test_what_does_not_vary_is_as_dense_as_itself_on_the_same_grid() -> None:
    flat = drawn(500) * [1.0, 0.0]
    density = densities(flat[None], np.zeros(500, dtype=int), PlanePoints(flat))
    assert density.posterior.shape == density.drawn.shape == (GRID, GRID)
    assert density.overlap == pytest.approx(1, abs=0.05)
