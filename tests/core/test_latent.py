"""The latent space as numbers: projections and the way back, traversals, interpolations."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from core.latent import (
    Latents,
    ProjectionError,
    fit_lda,
    fit_pca,
    interpolate,
    most_active,
    number_name,
    offsets,
    pick_dims,
    traverse,
)

SIZE = 64


@pytest.fixture
def latents() -> Latents:
    """Ten clouds in 64 dimensions, of which the last four never vary, each image with a spread of its own."""
    random = np.random.default_rng(0)
    labels = np.arange(1000) % 10
    centers = random.normal(0, 2, (10, SIZE))
    mean = centers[labels] + random.normal(0, 0.7, (1000, SIZE))
    mean[:, -4:] = 0.25
    variance = random.uniform(0.01, 0.3, (1000, SIZE))
    variance[:, -4:] = 0
    return Latents(mean.astype(np.float32), variance.astype(np.float32), labels)


def test_the_covariance_is_that_of_samples_of_the_posteriors(latents: Latents) -> None:
    drawn = np.concatenate([latents.draw(seed) for seed in range(200)])
    assert np.allclose(latents.covariance, np.cov(drawn, rowvar=False), atol=0.02)
    assert np.allclose(latents.center, drawn.mean(axis=0), atol=0.01)
    assert np.allclose(latents.deviation**2, latents.covariance.diagonal())
    assert (latents.draw(3) == latents.draw(3)).all()
    assert (latents.draw(3) != latents.draw(4)).any()


def test_discriminants_are_those_of_scikit_learn(latents: Latents) -> None:
    lda = LinearDiscriminantAnalysis(n_components=2).fit(latents.mean, latents.labels)
    projection = fit_lda(latents)
    assert np.allclose(projection.project(latents.mean), lda.transform(latents.mean), atol=1e-4)
    assert projection.explained == pytest.approx(tuple(lda.explained_variance_ratio_[:2]))
    assert projection.accuracy(latents) == lda.score(latents.mean, latents.labels)


def test_components_are_those_of_scikit_learn_but_for_their_signs(latents: Latents) -> None:
    pca = PCA(n_components=2).fit(latents.mean)
    projection = fit_pca(latents)
    points, expected = projection.project(latents.mean), pca.transform(latents.mean)
    assert np.allclose(np.abs(points), np.abs(expected), atol=1e-3)
    assert projection.explained == pytest.approx(tuple(pca.explained_variance_ratio_), rel=1e-4)
    assert projection.accuracy(latents) is None


def test_two_latent_numbers_are_shown_as_they_are(latents: Latents) -> None:
    projection = pick_dims(latents, (17, 3))
    assert np.allclose(projection.project(latents.mean), latents.mean[:, [17, 3]])
    assert projection.axes == ("z17 (channel 1, row 0, column 1)", "z3 (channel 0, row 0, column 3)")
    assert set(most_active(latents)) == set(np.argsort(latents.mean.var(axis=0))[-2:].tolist())
    with pytest.raises(ProjectionError, match="latent numbers are from 0 to 63, not 3 and 64"):
        pick_dims(latents, (3, 64))


def test_a_number_is_named_by_its_place() -> None:
    latent = np.arange(64).reshape(4, 4, 4)
    assert latent[2, 1, 3] == 39
    assert number_name(39) == "z39 (channel 2, row 1, column 3)"


@pytest.mark.parametrize("fit", [fit_lda, fit_pca, lambda latents: pick_dims(latents, (5, 9))])
def test_the_way_back_from_the_plane_ends_above_the_point_it_began_at(latents: Latents, fit: object) -> None:
    projection = fit(latents)  # type: ignore[operator]
    points = np.random.default_rng(1).uniform(-6, 6, (50, 2))
    back = projection.invert(points)
    assert back.shape == (50, SIZE)
    assert np.allclose(projection.project(back), points, atol=1e-6)
    assert np.allclose(back[:, -4:], 0.25)  # what never varies stays as it is


def test_the_middle_of_the_plane_is_the_mean_of_the_latents(latents: Latents) -> None:
    projection = fit_pca(latents)
    assert np.allclose(projection.invert(np.zeros((1, 2))), latents.center, atol=1e-5)


def test_a_class_mean_in_the_plane_leads_back_to_its_class(latents: Latents) -> None:
    projection = fit_lda(latents)
    assert projection.classifier is not None
    means = np.stack([latents.mean[latents.labels == digit].mean(axis=0) for digit in range(10)])
    found = projection.classifier.predict(projection.invert(projection.project(means)))
    assert (found == np.arange(10)).mean() >= 0.9


def test_a_walk_between_two_classes_has_no_jumps(latents: Latents) -> None:
    projection = fit_lda(latents)
    start, end = projection.project(projection.means[:2])
    walk = start + np.linspace(0, 1, 2001)[:, None] * (end - start)
    steps = np.linalg.norm(np.diff(projection.invert(walk), axis=0), axis=1)
    assert steps.max() < 0.2 * np.linalg.norm(projection.means[0] - projection.means[1])


def test_two_classes_cannot_be_separated_in_two_directions(latents: Latents) -> None:
    few = latents.labels < 2
    with pytest.raises(ProjectionError, match="needs three classes or more, not 2"):
        fit_lda(Latents(latents.mean[few], latents.variance[few], latents.labels[few]))


def test_a_traversal_moves_one_number_from_minus_to_plus_three_deviations(latents: Latents) -> None:
    path = traverse(latents.mean[0], 7, latents, 5)
    others = np.delete(path, 7, axis=1)
    assert (others == np.delete(latents.mean[0], 7)).all()
    away = (path[:, 7] - latents.center[7]) / latents.deviation[7]
    assert away == pytest.approx([-3, -1.5, 0, 1.5, 3], abs=1e-5)
    assert offsets(5) == pytest.approx(away, abs=1e-5)


numbers = st.lists(st.floats(-10, 10), min_size=4, max_size=4).map(np.array)


@given(numbers, numbers, numbers, st.sampled_from(["straight", "spherical"]), st.integers(2, 9))
def test_an_interpolation_begins_and_ends_at_its_latents(
    start: np.ndarray, end: np.ndarray, center: np.ndarray, path: str, steps: int
) -> None:
    between = interpolate(start, end, steps, path, center)  # type: ignore[arg-type]
    assert between.shape == (steps, 4)
    assert np.isfinite(between).all()
    assert np.allclose(between[0], start, atol=1e-6)
    assert np.allclose(between[-1], end, atol=1e-6)


def test_an_arc_keeps_its_distance_from_the_centre_and_a_line_does_not() -> None:
    center = np.array([1.0, 2.0, 3.0])
    start, end = center + np.array([2, 0, 0]), center + np.array([0, 2, 0])
    arc = interpolate(start, end, 9, "spherical", center)
    line = interpolate(start, end, 9, "straight", center)
    assert np.linalg.norm(arc - center, axis=1) == pytest.approx([2] * 9)
    assert np.linalg.norm(line - center, axis=1)[4] == pytest.approx(np.sqrt(2))


def test_there_is_no_arc_through_the_centre() -> None:
    center = np.zeros(3)
    for end in (np.array([-1.0, 0, 0]), center):
        straight = interpolate(np.array([1.0, 0, 0]), end, 5, "straight", center)
        assert np.allclose(interpolate(np.array([1.0, 0, 0]), end, 5, "spherical", center), straight)
