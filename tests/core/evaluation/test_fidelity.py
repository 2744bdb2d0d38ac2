"""Distances between clouds of features agree with what can be computed by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from core.evaluation.fidelity import (
    Gaussian,
    Manifold,
    authenticity,
    class_balance,
    class_shares,
    fit_gaussian,
    frechet_distance,
    precision,
    recall,
)

SIZE = 6


def cloud(count: int, seed: int = 0, center: float = 0.0) -> Tensor:
    return center + torch.randn(count, SIZE, generator=torch.Generator().manual_seed(seed))


def covariance(rank: int, seed: int = 0) -> np.ndarray:
    factor = np.random.default_rng(seed).normal(size=(SIZE, rank))
    return factor @ factor.T


def rotation(seed: int = 0) -> np.ndarray:
    return np.linalg.qr(np.random.default_rng(seed).normal(size=(SIZE, SIZE)))[0]


def test_gaussians_with_independent_numbers_are_as_far_apart_as_their_means_and_deviations() -> None:
    mean, other_mean = np.array([0.0, 1.0, 5.0]), np.array([3.0, 1.0, 4.0])
    deviation, other_deviation = np.array([1.0, 2.0, 0.5]), np.array([1.0, 5.0, 2.0])
    distance = frechet_distance(
        Gaussian(mean, np.diag(deviation**2)), Gaussian(other_mean, np.diag(other_deviation**2))
    )
    assert distance == pytest.approx(9 + 0 + 1 + 0 + 9 + 2.25)


def test_gaussians_whose_axes_differ_have_the_distance_of_the_closed_form_in_two_dimensions() -> None:
    one, other = np.array([[2.0, 0.9], [0.9, 1.0]]), np.array([[1.0, -0.4], [-0.4, 3.0]])
    product = one @ other
    root = np.sqrt(np.trace(product) + 2 * np.sqrt(np.linalg.det(product)))
    distance = frechet_distance(Gaussian(np.zeros(2), one), Gaussian(np.zeros(2), other))
    assert distance == pytest.approx(np.trace(one) + np.trace(other) - 2 * root)


@pytest.mark.parametrize("rank", [SIZE, 3, 1, 0])
def test_a_gaussian_is_at_no_distance_from_itself_and_moved_at_that_of_the_move(rank: int) -> None:
    one = Gaussian(np.arange(SIZE) * 1.0, 100 * covariance(rank))
    assert frechet_distance(one, one) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(one, Gaussian(one.mean + 2, one.covariance)) == pytest.approx(4 * SIZE)


def test_gaussians_of_too_few_dimensions_are_compared_in_any_orientation() -> None:
    flat, other = np.diag([1.0, 0, 0, 0, 0, 0]), np.diag([0, 4.0, 0, 0, 0, 0])
    axes = rotation()
    turned = frechet_distance(
        Gaussian(np.zeros(SIZE), axes @ flat @ axes.T), Gaussian(np.zeros(SIZE), axes @ other @ axes.T)
    )
    assert turned == pytest.approx(5)


def test_the_distance_is_the_same_both_ways() -> None:
    one, other = Gaussian(np.zeros(SIZE), covariance(SIZE, 1)), Gaussian(np.ones(SIZE), covariance(3, 2))
    assert frechet_distance(one, other) == pytest.approx(frechet_distance(other, one))
    assert frechet_distance(one, other) > 1


def test_fitted_gaussians_of_many_points_have_the_distance_of_what_they_were_drawn_from() -> None:
    one, other = fit_gaussian(cloud(50_000, 0)), fit_gaussian(3 * cloud(50_000, 1) + 1)
    assert frechet_distance(one, other) == pytest.approx(SIZE * (1 + 4), rel=0.03)
    assert fit_gaussian(cloud(5)).covariance == pytest.approx(np.cov(cloud(5).T))


def test_what_is_nearer_to_a_real_point_than_others_are_is_a_copy() -> None:
    real = torch.tensor([[0.0, 0.0], [1.0, 0.0], [5.0, 0.0], [5.0, 3.0]])
    assert authenticity(real, real) == 0
    assert authenticity(real, torch.tensor([[0.5, 0.0], [1.0, 2.0], [5.5, 0.0], [5.0, -2.0]])) == 0.25
    assert authenticity(real, torch.tensor([[-1.0, 0.0], [100.0, 0.0]])) == 1


def test_a_cloud_has_full_precision_and_recall_of_itself() -> None:
    same = Manifold.around(cloud(700))
    assert (precision(same, same), recall(same, same)) == (1, 1)


def test_clouds_far_apart_have_none_of_either() -> None:
    one, other = Manifold.around(cloud(300)), Manifold.around(cloud(300, 1, center=100))
    assert (precision(one, other), recall(one, other)) == (0, 0)


def test_what_is_left_out_costs_recall_and_what_is_made_up_costs_precision() -> None:
    left, right, nowhere = cloud(200, 0, -50), cloud(200, 1, 50), cloud(400, 2, 200)
    both = Manifold.around(torch.cat([left, right]))
    dropped = Manifold.around(left)
    assert (precision(both, dropped), recall(both, dropped)) == (1, 0.5)
    made_up = Manifold.around(torch.cat([left, right, nowhere]))
    assert (precision(both, made_up), recall(both, made_up)) == (0.5, 1)


def test_a_ball_reaches_to_the_third_nearest_of_the_others() -> None:
    line = torch.tensor([[0.0], [1], [3], [6], [10]])
    assert Manifold.around(line).radii.tolist() == [6, 5, 3, 5, 9]
    probes = Manifold.around(torch.tensor([[-6.0], [-6.5], [19.0], [19.5]]))
    assert Manifold.around(line).fraction_inside(probes) == 0.5


def test_a_manifold_needs_four_points() -> None:
    with pytest.raises(ValueError, match="more than 3 points, not 3"):
        Manifold.around(cloud(3))


def test_class_balance_is_the_overlap_of_the_shares() -> None:
    wanted = class_shares(torch.tensor([0, 0, 1, 2]), 4)
    assert wanted.tolist() == [0.5, 0.25, 0.25, 0]
    assert class_balance(wanted, wanted) == 1
    assert class_balance(class_shares(torch.tensor([3, 3]), 4), wanted) == 0
    assert class_balance(class_shares(torch.tensor([1, 1, 1, 0]), 4), wanted) == 0.5
