"""An evaluation tells good digits from bad ones, keeps its bounds in order and says what it was measured with."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import fields
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from core.data.images import ImageSet, RunImages, pixels
from core.errors import ConfigError, RunError
from core.evaluation.classifier import ClassifierOutput, classify, shipped
from core.evaluation.likelihood import Bounds
from core.evaluation.measuring.by_class import Rebuilt, as_rows, confusion, figures_of_classes
from core.evaluation.measuring.reference import Reference, compare
from core.evaluation.results import METRIC_DESCRIPTIONS, Evaluation, MeanStd
from core.explorer.queries import RunExplorer
from core.explorer.session import RunSession
from core.models.autoencoder import Autoencoder
from core.models.weights import weights_to_bytes
from core.runs.run import Run
from tests.conftest import cut_digits, make_trained_run
from tests.support.models import load_model

KEYS = [
    "frechet_samples",
    "frechet_reconstructions",
    "frechet_floor",
    "precision",
    "recall",
    "classifier_confidence",
    "class_balance",
    "authenticity",
    "authenticity_floor",
    "test_squared_error",
    "elbo",
    "iwae",
    "active_units",
    "sampler",
    "wish",
    "samples",
    "dataset",
    "classifier",
    "seeds",
    "classes",
    "asked",
    "left_out",
    "likelihood",
]
WITH_SPREAD = [
    *("frechet_samples", "precision", "recall", "classifier_confidence", "class_balance", "authenticity"),
    *("elbo", "iwae"),
]


@pytest.fixture(scope="module")
def images() -> ImageSet:
    """Few digits: 1,000 and 500."""
    return cut_digits(1000, 500)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Run]:
    folder = tmp_path_factory.mktemp("runs")
    return {preset: make_trained_run(folder, preset) for preset in ("ae", "vae")}


@pytest.fixture(scope="module", autouse=True)
def short_bounds() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("core.evaluation.evaluate.IMPORTANCE_SAMPLES", 50)
        patch.setattr("core.evaluation.evaluate.IMPORTANCE_IMAGES", 5)
        yield


@pytest.fixture(scope="module")
def of_vae(runs: dict[str, Run], images: ImageSet, short_bounds: None) -> Evaluation:
    return evaluate(runs["vae"], images, "prior", samples=500, seeds=2)


@pytest.fixture(scope="module")
def of_ae(runs: dict[str, Run], images: ImageSet) -> Evaluation:
    return evaluate(runs["ae"], images, "gaussian", samples=500, seeds=2)


@pytest.fixture(scope="module")
def reference(images: ImageSet) -> Reference:
    return Reference.of(shipped(), images.train_images, images.train_labels)


def evaluate(
    run: Run, images: ImageSet, sampler: str, samples: int, seeds: int, report: Callable[[str], object] = print
) -> Evaluation:
    """The evaluation of a run on these images."""
    session = RunSession(run, run.path, load_images=lambda *_: RunImages(images))
    return RunExplorer(session, report).evaluate(sampler, samples, seeds).evaluation


def mean(figure: MeanStd | None) -> float:
    assert figure is not None
    return figure.mean


def judged(images: Tensor) -> ClassifierOutput:
    return classify(shipped(), [pixels(images)])


def test_each_seed_takes_other_images_for_the_gain_of_many_samples(
    runs: dict[str, Run], images: ImageSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def bounds(model: Autoencoder, image: Tensor, *rest: Any) -> Bounds:
        seen.append(image)
        return Bounds(torch.zeros(1), torch.ones(1))

    monkeypatch.setattr("core.evaluation.evaluate.importance_bounds", bounds)
    measured = evaluate(runs["vae"], images, "prior", samples=100, seeds=2)
    assert len({image.numpy().tobytes() for image in seen}) == len(seen) == 2 * 5
    assert mean(measured.iwae) == pytest.approx(mean(measured.elbo) + 1)


def test_it_has_every_figure_and_the_likelihood_only_with_a_distribution(of_vae: Evaluation, of_ae: Evaluation) -> None:
    for measured, nulls in ((of_vae, {"wish", "asked"}), (of_ae, {"elbo", "iwae", "wish", "asked"})):
        content = json.loads(json.dumps(measured.as_json()))
        assert list(content) == KEYS
        assert {key for key, value in content.items() if value is None} == nulls
        for key in WITH_SPREAD:
            assert content[key] is None or list(content[key]) == ["mean", "std", "n"]
            assert content[key] is None or content[key]["n"] == 2
        assert (content["samples"], content["dataset"]) == (500, "mnist-5k")
        assert len(content["classifier"]["sha256"]) == 64
    assert (of_vae.sampler, of_ae.sampler) == ("prior", "gaussian")
    assert list(METRIC_DESCRIPTIONS) == [field.name for field in fields(Evaluation)][: len(METRIC_DESCRIPTIONS)]
    assert 0 < of_ae.active_units <= 64
    assert of_ae.test_squared_error < of_vae.test_squared_error


def test_what_was_measured_is_in_the_order_it_must_be(of_vae: Evaluation) -> None:
    floor, reconstructions = of_vae.frechet_floor, of_vae.frechet_reconstructions
    assert floor is not None
    assert reconstructions is not None
    assert 0 < floor < reconstructions < mean(of_vae.frechet_samples)
    assert of_vae.elbo is not None
    assert of_vae.iwae is not None
    assert of_vae.elbo.mean < of_vae.iwae.mean
    assert of_vae.elbo.mean < -586  # what a decoder of variance 1/2 has for an image without any error
    for share in (of_vae.precision, of_vae.recall, of_vae.classifier_confidence, of_vae.class_balance):
        assert 0 < mean(share) < 1
    assert of_vae.authenticity_floor is not None
    assert mean(of_vae.authenticity) > of_vae.authenticity_floor - 0.1
    assert 5 < of_vae.test_squared_error < 60


def test_measuring_again_gives_the_same(runs: dict[str, Run], images: ImageSet, of_vae: Evaluation) -> None:
    assert evaluate(runs["vae"], images, "prior", samples=500, seeds=2) == of_vae


def test_digits_are_perfect_beside_themselves(images: ImageSet, reference: Reference) -> None:
    same = compare(judged(images.train_images), reference)
    assert same.frechet == pytest.approx(0, abs=1e-4)
    assert (same.precision, same.recall, same.authenticity) == (1, 1, 0)
    assert same.balance > 0.99
    assert same.confidence > 0.98


def test_other_digits_are_near_and_noise_is_far(images: ImageSet, reference: Reference) -> None:
    digits = compare(judged(images.validation_images), reference)
    noise = torch.randint(0, 256, (500, 32, 32), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
    far = compare(judged(noise), reference)
    assert 10 * digits.frechet < far.frechet
    assert far.precision == 0 < 0.5 < digits.precision
    assert far.recall < 0.1 < 0.5 < digits.recall
    assert far.balance < digits.balance


def test_samples_of_one_class_only_look_real_but_cover_little(images: ImageSet, reference: Reference) -> None:
    ones = compare(judged(images.train_images[images.train_labels == 1]), reference)
    share = float(reference.class_shares[1])
    assert ones.balance == pytest.approx(share, abs=0.01)
    assert ones.recall < 0.5 < ones.precision


def test_samples_from_where_no_latents_are_score_worse(
    runs: dict[str, Run], images: ImageSet, of_ae: Evaluation
) -> None:
    astray = evaluate(runs["ae"], images, "prior", samples=500, seeds=1)
    assert mean(astray.frechet_samples) > mean(of_ae.frechet_samples)
    assert astray.frechet_samples == MeanStd(mean(astray.frechet_samples), None, 1)
    assert astray.test_squared_error == of_ae.test_squared_error


def test_a_spread_is_a_mean_and_the_deviation_of_a_sample() -> None:
    assert MeanStd.of([1.0, 2.0, 3.0]) == MeanStd(2.0, 1.0, 3)
    assert MeanStd.of([4.0]) == MeanStd(4.0, None, 1)


def test_it_says_what_it_is_doing_and_how_much_of_it_is_done(runs: dict[str, Run], images: ImageSet) -> None:
    said: list[str] = []
    evaluate(runs["vae"], images, "gaussian", samples=100, seeds=2, report=said.append)
    assert "fitting a Gaussian for each latent number" in said
    counted = [words.partition("%, ") for words in said if "%, " in words]
    shares = [int(share) for share, _, _ in counted]
    assert shares == sorted(shares)
    assert shares[0] == 0
    assert 85 <= shares[-1] <= 99
    words = [words for _, _, words in counted]
    assert "classifying training images: 750 of 1,000" in words
    assert "seed 0: importance-weighted bound: 4 of 5 images" in words


def test_figures_are_there_while_others_are_still_measured(runs: dict[str, Run], images: ImageSet) -> None:
    session = RunSession(runs["vae"], runs["vae"].path, load_images=lambda *_: RunImages(images))
    shown: list[dict[str, Any]] = []
    result = RunExplorer(session).evaluate("prior", 100, 2, show=lambda figures: shown.append(dict(figures)))
    assert shown[0].keys() == {"test_squared_error", "active_units"}
    assert [each["frechet_samples"].n for each in shown if "frechet_samples" in each][::2] == [1, 2]
    assert all(one.keys() <= other.keys() for one, other in pairwise(shown))
    whole = {name: getattr(result.evaluation, name) for name in METRIC_DESCRIPTIONS}
    assert shown[-1] == whole


def test_each_class_has_its_figures_and_their_means_are_those_of_all(of_vae: Evaluation, of_ae: Evaluation) -> None:
    for measured in (of_vae, of_ae):
        classes = measured.classes
        assert [each.label for each in classes] == list(range(10))
        assert sum(each.images for each in classes) == 500
        total = sum(each.squared_error * each.images for each in classes) / 500
        assert total == pytest.approx(measured.test_squared_error)
        for each in classes:
            assert each.images_recognised is not None
            assert each.images_recognised > 0.9
            assert each.samples_recognised is None
    easy = min(of_ae.classes, key=lambda each: each.squared_error)
    assert easy.label == 1  # a stroke
    assert all(each.kl is None for each in of_ae.classes)
    assert all(each.kl is not None and 1 < each.kl < 200 for each in of_vae.classes)


def test_samples_are_counted_by_the_class_asked_for_and_the_one_recognised() -> None:
    probabilities = torch.eye(3)[torch.tensor([0, 0, 2, 1])]
    counts = confusion(torch.tensor([0, 0, 0, 1]), ClassifierOutput(torch.zeros(4, 2), probabilities))
    assert as_rows(counts) == ((2, 0, 1), (0, 1, 0), (0, 0, 0))
    rebuilt = Rebuilt(torch.tensor([0, 1, 1]), torch.tensor([1.0, 2.0, 4.0]), None, None, None)
    one, other = figures_of_classes(rebuilt, ["cat", "dog"], counts)
    assert (one.name, one.squared_error, one.samples_recognised) == ("cat", 1.0, 2 / 3)
    assert (other.name, other.squared_error, other.samples_recognised) == ("dog", 3.0, 1.0)
    assert other.reconstructions_recognised is None


def test_a_sampler_that_there_is_not_is_refused(runs: dict[str, Run], images: ImageSet) -> None:
    with pytest.raises(ConfigError, match="sampler must be one of"):
        evaluate(runs["vae"], images, "flow", samples=100, seeds=1)


def test_a_model_that_diverged_is_refused(images: ImageSet, tmp_path: Path) -> None:
    run = make_trained_run(tmp_path, "ae")
    model = load_model(run)
    for tensor in model.decoder.parameters():
        tensor.data *= 1e30
    run.write_weights(weights_to_bytes(model.state_dict(), {"latent_scale": 1.0}))
    with pytest.raises(RunError, match="ae: what the model decodes is not finite; its training diverged"):
        evaluate(run, images, "gaussian", samples=100, seeds=1)
