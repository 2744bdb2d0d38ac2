"""The latent space as numbers: projections and the way back, traversals, interpolations."""

from __future__ import annotations

import pickle
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from core.latents.aggregate import Latents
from core.latents.encoding import encode
from core.latents.options import number_name
from core.latents.paths import interpolate, offsets, traverse
from core.latents.projection import Projection, ProjectionError, fit_lda, fit_pca, most_active, pick_dims
from core.models.autoencoder import MODELS

SIZE = 64
FITS: dict[str, Callable[[Latents], Projection]] = {
    "lda": fit_lda,
    "pca": fit_pca,
    "dims": lambda latents: pick_dims(latents, (5, 9)),
}


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


def test_the_covariance_is_that_of_the_means_plus_the_mean_variance() -> None:
    mean = np.array([[1.0, 2.0], [3.0, 2.0], [1.0, 5.0], [3.0, 7.0]], dtype=np.float32)
    variance = np.array([[0.1, 1.0], [0.3, 1.0], [0.1, 3.0], [0.3, 3.0]], dtype=np.float32)
    latents = Latents(mean, variance, np.arange(4))
    assert latents.center == pytest.approx([2, 4])
    assert latents.covariance == pytest.approx(np.array([[1 + 0.2, 0.5], [0.5, 4.5 + 2]]))


def test_the_covariance_is_that_of_samples_of_the_posteriors(latents: Latents) -> None:
    drawn = np.concatenate([latents.draw(seed) for seed in range(200)])
    assert np.allclose(latents.covariance, np.cov(drawn, rowvar=False), atol=0.02)
    assert np.allclose(latents.center, drawn.mean(axis=0), atol=0.01)
    assert np.allclose(latents.deviation**2, latents.covariance.diagonal())
    assert (latents.draw(3) == latents.draw(3)).all()
    assert (latents.draw(3) != latents.draw(4)).any()


@pytest.mark.parametrize("preset", MODELS)
def test_images_are_encoded_in_batches_and_in_order(preset: str) -> None:
    model = MODELS[preset]().eval()
    images = torch.randint(256, (520, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    heard: list[int] = []
    latents = encode(model, images, torch.arange(520), heard.append)
    with torch.no_grad():
        posterior = model.encode(images[:, None] / 255)
    assert len(latents) == 520
    assert np.allclose(latents.mean, posterior.mean.flatten(1), atol=1e-5)
    assert np.allclose(latents.variance, posterior.variance().flatten(1), atol=1e-5)
    assert (latents.variance == 0).all() == (preset == "ae")
    assert latents.labels.tolist() == list(range(520))
    assert heard == [250, 500, 750]


class Regularised:
    """An estimate of a covariance for scikit-learn, which has this much more variance in every direction."""

    def __init__(self, ridge: float) -> None:
        self.ridge = ridge

    def fit(self, z: np.ndarray) -> Regularised:
        self.covariance_ = np.cov(z, rowvar=False, bias=True) + self.ridge * np.eye(z.shape[1])
        return self


def test_discriminants_are_those_of_scikit_learn_with_a_hundredth_of_the_largest_variance_more(
    latents: Latents,
) -> None:
    mean = latents.mean.astype(np.float64)
    more = Regularised(0.01 * mean.var(axis=0).max())
    lda = LinearDiscriminantAnalysis("eigen", covariance_estimator=more).fit(mean, latents.labels)
    projection, expected = fit_lda(latents), lda.transform(mean - mean.mean(axis=0))[:, :2]
    assert np.allclose(np.abs(projection.project(latents.mean)), np.abs(expected))
    assert projection.explained == pytest.approx(tuple(lda.explained_variance_ratio_[:2]))
    assert projection.accuracy(latents) == lda.score(mean, latents.labels)


def test_numbers_that_hardly_vary_throw_no_image_far_away(latents: Latents) -> None:
    mean = latents.mean.copy()
    mean[:, 4:] = 0.001 * mean[:, 4:]  # a millionth of the variance, with much of what tells the classes apart
    dead = Latents(mean, latents.variance, latents.labels)
    odd = mean[:1].copy()
    odd[:, 4:] += 0.5  # as an image in which they do vary
    points, usual = fit_lda(dead).project(np.concatenate([odd, latents.mean])), fit_lda(dead).project(mean)
    assert np.abs(points).max() < 2 * np.abs(usual).max()


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
    for wrong in ((3, 64), (-1, 3)):
        with pytest.raises(ProjectionError, match=f"latent numbers are from 0 to 63, not {wrong[0]} and {wrong[1]}"):
            pick_dims(latents, wrong)


def test_a_number_is_named_by_its_place() -> None:
    latent = np.arange(64).reshape(4, 4, 4)
    assert latent[2, 1, 3] == 39
    assert number_name(39, (4, 4, 4)) == "z39 (channel 2, row 1, column 3)"


@pytest.mark.parametrize("reach", [6, 1000])
@pytest.mark.parametrize("fit", FITS.values(), ids=FITS)
def test_the_way_back_from_the_plane_ends_above_the_point_it_began_at(
    latents: Latents, fit: Callable[[Latents], Projection], reach: float
) -> None:
    projection = fit(latents)
    points = np.random.default_rng(1).uniform(-reach, reach, (50, 2))
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


def test_a_plane_is_handed_on_without_scikit_learn(latents: Latents) -> None:
    content = pickle.dumps(fit_lda(latents))
    assert b"sklearn" not in content
    projection: Projection = pickle.loads(content)
    assert projection.accuracy(latents) == fit_lda(latents).accuracy(latents)


def test_a_walk_between_two_classes_has_no_jumps(latents: Latents) -> None:
    projection = fit_lda(latents)
    start, end = projection.project(projection.means[:2])
    walk = start + np.linspace(0, 1, 2001)[:, None] * (end - start)
    steps = np.linalg.norm(np.diff(projection.invert(walk), axis=0), axis=1)
    assert steps.max() < 0.2 * np.linalg.norm(projection.means[0] - projection.means[1])


@pytest.mark.parametrize("classes", [1, 2])
def test_fewer_than_three_classes_cannot_be_separated_in_two_directions(latents: Latents, classes: int) -> None:
    few = latents.labels < classes
    with pytest.raises(
        ProjectionError, match=rf"^LDA to two dimensions needs three classes or more, not {classes}; PCA needs none$"
    ):
        fit_lda(Latents(latents.mean[few], latents.variance[few], latents.labels[few]))


@pytest.mark.parametrize("separation", [2.0, 0.1])
def test_a_number_that_never_varies_does_not_tell_classes_of_unequal_size_apart(separation: float) -> None:
    random = np.random.default_rng(0)
    labels = random.choice(10, 1000, p=np.arange(1, 11) / 55)
    mean = random.normal(0, separation, (10, SIZE))[labels] + random.normal(0, 0.7, (1000, SIZE))
    mean[:, -4:] = 0.1  # which single precision rounds
    latents = Latents(mean.astype(np.float32), np.zeros((1000, SIZE), np.float32), labels)
    alive = Latents(latents.mean[:, :-4], latents.variance[:, :-4], labels)
    with_them, without = fit_lda(latents), fit_lda(alive)
    assert with_them.explained == pytest.approx(without.explained)
    assert with_them.accuracy(latents) == without.accuracy(alive)
    assert np.allclose(np.abs(with_them.project(latents.mean)), np.abs(without.project(alive.mean)))


def test_latents_that_hardly_vary_are_refused_in_one_line(latents: Latents) -> None:
    still = np.full_like(latents.mean, 0.1)
    with pytest.raises(ProjectionError, match=r"^LDA needs latents that vary within their classes$"):
        fit_lda(Latents(still, latents.variance, latents.labels))
    with pytest.raises(ProjectionError, match=r"^LDA needs latents that vary within their classes$"):
        fit_lda(Latents(latents.mean[:10], latents.variance[:10], latents.labels[:10]))
    still[:, 7] = latents.mean[:, 7]
    with pytest.raises(ProjectionError, match=r"^LDA needs latents that vary in two directions or more$"):
        fit_lda(Latents(still, latents.variance, latents.labels))


@pytest.mark.parametrize("name", ["pca", "dims"])
def test_latents_that_vary_in_one_direction_only_come_back_finite(latents: Latents, name: str) -> None:
    still = np.full_like(latents.mean, 0.25)
    still[:, 5] = latents.mean[:, 5]
    projection = FITS[name](Latents(still, latents.variance, latents.labels))
    assert np.isfinite(projection.project(still)).all()
    back = projection.invert(np.array([[1.0, 1.0], [-2.0, 0.5]]))
    assert np.allclose(np.delete(back, 5, axis=1), 0.25)
    assert np.isfinite(back).all()


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


@given(numbers, numbers, numbers, st.integers(3, 9))
def test_an_arc_between_equals_stays_as_far_from_the_centre_as_they_are(
    start: np.ndarray, end: np.ndarray, center: np.ndarray, steps: int
) -> None:
    assume(np.linalg.norm(start) > 0.1 and np.linalg.norm(end) > 0.1)
    start, end = start / np.linalg.norm(start), end / np.linalg.norm(end)
    assume(abs(start @ end) < 0.999)
    arc = interpolate(center + 3 * start, center + 3 * end, steps, "spherical", center)
    assert np.linalg.norm(arc - center, axis=1) == pytest.approx([3] * steps)


def test_an_arc_keeps_its_distance_from_the_centre_and_a_line_does_not() -> None:
    center = np.array([1.0, 2.0, 3.0])
    start, end = center + np.array([2, 0, 0]), center + np.array([0, 2, 0])
    arc = interpolate(start, end, 9, "spherical", center)
    line = interpolate(start, end, 9, "straight", center)
    assert np.linalg.norm(arc - center, axis=1) == pytest.approx([2] * 9)
    assert np.linalg.norm(line - center, axis=1)[4] == pytest.approx(np.sqrt(2))


def test_there_is_no_arc_through_the_centre() -> None:
    center = np.zeros(3)
    for start in (np.array([1.0, 0, 0]), center):
        for end in (np.array([-1.0, 0, 0]), center, start):
            straight = interpolate(start, end, 5, "straight", center)
            assert np.allclose(interpolate(start, end, 5, "spherical", center), straight)
            assert np.allclose(straight, start + np.linspace(0, 1, 5)[:, None] * (end - start))
