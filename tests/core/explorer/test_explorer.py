"""What a run's newest model makes of its images, as the screens and the commands ask for it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from torch.nn.functional import pad

from core.arrays import PADDING
from core.data.images import RunImages, load_image_set, pixels
from core.errors import ConfigError, DamagedFile, DataError, RunError
from core.explorer.queries import RunExplorer
from core.explorer.session import RunSession
from core.latents.encoding import encode
from core.latents.options import ProjectionOptions
from core.models.autoencoder import MODELS, Autoencoder, fold_batch_norm
from core.models.weights import load_autoencoder, weights_to_bytes
from core.runs.run import Run
from core.runs.settings import PRESETS
from tests.conftest import make_trained_run
from tests.core.data.test_data import put
from tests.support.models import load_model
from tests.support.trainers import train

MakeRun = Callable[..., Run]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Run]:
    folder = tmp_path_factory.mktemp("runs")
    return {preset: make_trained_run(folder, preset) for preset in MODELS}


@pytest.fixture(scope="module")
def explorers(trained: dict[str, Run], tmp_path_factory: pytest.TempPathFactory) -> dict[str, RunExplorer]:
    return {preset: RunExplorer.open(run, tmp_path_factory.mktemp("data")) for preset, run in trained.items()}


@pytest.fixture(params=MODELS)
def explorer(request: pytest.FixtureRequest, explorers: dict[str, RunExplorer]) -> RunExplorer:
    return explorers[request.param]


@pytest.fixture
def vae(explorers: dict[str, RunExplorer]) -> RunExplorer:
    return explorers["vae"]


@pytest.fixture
def copy_of_vae(make_run: MakeRun, trained: dict[str, Run]) -> Run:
    """A run whose weights a test may change."""
    run = make_run("copy", preset="vae")
    run.write_weights(trained["vae"].read_weights())
    return run


def test_the_model_for_looking_computes_what_the_trained_one_does(trained: dict[str, Run]) -> None:
    images = pixels(load_image_set("mnist-5k").validation_images[:50])
    for run in trained.values():
        model = load_model(run)
        fast = fold_batch_norm(model)
        with torch.no_grad():
            one, other = model.encode(images), fast.encode(images)
            assert torch.allclose(one.mean, other.mean, atol=1e-4)
            assert torch.allclose(one.variance(), other.variance(), atol=1e-4)
            assert torch.allclose(model.decode(one.mode()), fast.decode(one.mode()), atol=1e-4)


def test_pages_show_every_validation_image_once_and_in_order(vae: RunExplorer) -> None:
    pages = [vae.page(first, 64) for first in range(0, 1000, 64)]
    assert np.concatenate([page.indices for page in pages]).tolist() == list(range(1000))
    assert {page.total for page in pages} == {1000}
    assert pages[3].originals.shape == pages[3].reconstructions.shape == (64, 28, 28)
    images = load_image_set("mnist-5k").validation_images
    assert np.allclose(pages[3].originals[5], images[3 * 64 + 5, 2:-2, 2:-2].numpy() / 255)


def test_a_page_past_the_end_shows_the_last_image(vae: RunExplorer) -> None:
    assert vae.page(5000, 8).indices.tolist() == [999]
    assert vae.page(-5, 8).first == 0


def test_one_class_is_kept_and_a_class_without_images_is_said(vae: RunExplorer) -> None:
    page = vae.page(0, 200, label=7)
    assert (page.labels == 7).all()
    assert len(page.indices) == page.total == 100
    with pytest.raises(RunError, match="no validation image is of class 11"):
        vae.page(0, 8, label=11)


def test_the_worst_of_one_class_come_first(vae: RunExplorer) -> None:
    page = vae.page(0, 200, label=4, order="worst")
    assert (page.labels == 4).all()
    assert sorted(page.indices.tolist()) == vae.page(0, 200, label=4).indices.tolist()
    assert (np.diff(page.errors) <= 1e-4).all()
    assert vae.page(50, 1, label=4, order="worst").indices == page.indices[50]


def test_only_what_is_sorted_is_reconstructed(trained: dict[str, Run], tmp_path: Path) -> None:
    said: list[str] = []
    explorer = RunExplorer.open(trained["vae"], tmp_path, said.append)
    one = explorer.page(0, 8, label=4, order="worst")
    assert not any("1,000 of 1,000" in words for words in said)
    everything = explorer.page(0, 1000, order="worst")
    assert everything.indices[everything.labels == 4][:8].tolist() == one.indices.tolist()
    assert explorer.page(0, 8, label=4, order="worst").indices.tolist() == one.indices.tolist()


def test_images_are_shown_without_their_padding(explorer: RunExplorer) -> None:
    page = explorer.page(40, 6)
    x = pixels(load_image_set("mnist-5k").validation_images[40:46])
    model = load_model(explorer.session.run)
    with torch.no_grad():
        output = model.decode(model.encode(x).mode())
    for shown, whole in ((page.originals, x), (page.reconstructions, output)):
        assert np.allclose(shown, whole[:, 0, 2:30, 2:30].clamp(0, 1), atol=1e-4)
    assert 0 <= page.reconstructions.min() <= page.reconstructions.max() <= 1


def test_the_worst_come_first_and_errors_are_those_of_the_loss(explorer: RunExplorer) -> None:
    page = explorer.page(0, 1000, order="worst")
    assert (np.diff(page.errors) <= 1e-4).all()
    assert sorted(page.indices.tolist()) == list(range(1000))
    model = load_model(explorer.session.run)
    x = pixels(load_image_set("mnist-5k").validation_images[torch.as_tensor(page.indices[:20])])
    with torch.no_grad():
        errors = (model.decode(model.encode(x).mode()) - x).square().sum(dim=(1, 2, 3))
    assert page.errors[:20] == pytest.approx(errors.numpy(), rel=1e-3)


def test_samples_of_the_posterior_differ_where_it_has_a_spread(explorer: RunExplorer) -> None:
    closeup = explorer.image_detail(3, 4, seed=0)
    assert closeup.mean.shape == closeup.deviation.shape == (4, 4, 4)
    assert closeup.samples.shape == (4, 28, 28)
    spread = closeup.samples.std(axis=0).max()
    if explorer.session.run.config().preset == "ae":
        assert (closeup.deviation == 0).all()
        assert spread < 1e-6
    else:
        assert (closeup.deviation > 0).all()
        assert spread > 1e-3
    again, other = explorer.image_detail(3, 4, seed=0), explorer.image_detail(3, 4, seed=1)
    assert (again.samples == closeup.samples).all()
    assert closeup.label == int(load_image_set("mnist-5k").validation_labels[3])
    if explorer.session.run.config().preset != "ae":
        assert (other.samples != closeup.samples).any()


@pytest.mark.parametrize("sampler", PRESETS["vae"].samplers)
def test_every_sampler_gives_digits_for_every_preset(explorer: RunExplorer, sampler: str) -> None:
    samples = explorer.samples(sampler, 12, seed=3)
    assert samples.images.shape == (12, 28, 28)
    assert np.isfinite(samples.images).all()
    assert samples.images.min() >= 0
    assert samples.images.max() <= 1
    assert samples.latents.shape == (12, 64)
    again = explorer.samples(sampler, 12, seed=3)
    assert again.images.tobytes() == samples.images.tobytes()
    assert explorer.samples(sampler, 12, seed=4).latents.tobytes() != samples.latents.tobytes()
    assert np.allclose(explorer.decode(samples.latents), samples.images, atol=1e-6)


@pytest.mark.parametrize("sampler", ["prior", "gaussian", "full"])
def test_digits_stray_further_at_a_higher_temperature(explorer: RunExplorer, sampler: str) -> None:
    cold, cool, hot = (explorer.samples(sampler, 40, 0, temperature).images for temperature in (0.0, 0.3, 1.0))
    assert np.allclose(cold, cold[0], atol=1e-6)
    assert 0 < np.abs(cool - cold).mean() < np.abs(hot - cold).mean()


def test_a_sampler_or_a_temperature_that_cannot_be_is_refused(vae: RunExplorer) -> None:
    with pytest.raises(ConfigError, match="sampler must be one of prior, gaussian, full, mixture, not 'flow'"):
        vae.samples("flow", 1, 0)
    for temperature in (np.nan, -1, 4):
        with pytest.raises(ConfigError, match="temperature must be from 0 to 3"):
            vae.samples("prior", 1, 0, temperature)


def test_paths_begin_and_end_where_they_should(vae: RunExplorer) -> None:
    z = vae.samples("prior", 2, seed=0).latents
    walk = vae.interpolation(z[0], z[1], 5, "spherical")
    assert np.allclose(walk.images[[0, -1]], vae.decode(z), atol=1e-4)
    path = vae.traversal(z[0], 9, 7)
    assert path.images.shape == (7, 28, 28)
    assert (np.delete(path.latents, 9, axis=1) == np.delete(z[0], 9)).all()


def test_a_plane_is_fitted_to_training_latents_unless_what_is_shown_is_asked_for(vae: RunExplorer) -> None:
    held_out = vae.projection(ProjectionOptions("lda"))
    assert held_out.points.shape == (1000, 2)
    assert held_out.fitted == 4000
    itself = vae.projection(ProjectionOptions("lda", fit_on_shown=True))
    assert itself.fitted == 1000
    assert held_out.accuracy is not None
    assert itself.accuracy is not None
    assert 0.5 < held_out.accuracy < 1
    assert not np.allclose(held_out.points, itself.points)
    training = vae.projection(ProjectionOptions("lda", part="training"))
    assert len(training.points) == len(training.labels) == 4000
    assert vae.projection(ProjectionOptions("pca")).accuracy is None
    numbers = vae.projection(ProjectionOptions("dims", numbers=(3, 60)))
    assert numbers.projection.numbers == (3, 60)
    with pytest.raises(RunError, match="latent numbers are from 0 to 63"):
        vae.projection(ProjectionOptions("dims", numbers=(3, 64)))


def test_accuracy_is_that_of_the_classifier_on_what_is_shown(explorer: RunExplorer) -> None:
    images, model = load_image_set("mnist-5k"), load_model(explorer.session.run)
    training = encode(model, images.train_images, images.train_labels)
    validation = encode(model, images.validation_images, images.validation_labels)
    for fitted, shown, choice in (
        (training, validation, ProjectionOptions("lda")),
        (training, training, ProjectionOptions("lda", part="training")),
        (validation, validation, ProjectionOptions("lda", fit_on_shown=True)),
    ):
        lda = LinearDiscriminantAnalysis(n_components=2).fit(fitted.mean.astype(float), fitted.labels)
        plane = explorer.projection(choice)
        assert plane.accuracy == pytest.approx(lda.score(shown.mean, shown.labels), abs=0.005)
        assert (plane.labels == shown.labels).all()
        expected = lda.transform(shown.mean)
        assert np.abs(np.abs(plane.points) - np.abs(expected)).max() < 0.05 * np.abs(expected).max()


def class_means_that_come_back(run: Run, data_dir: Path) -> float:
    """The share of class means that decode, from their place in the plane, to a digit that LDA takes for theirs."""
    explorer = RunExplorer.open(run, data_dir)
    projection = explorer.projection(ProjectionOptions("lda")).projection
    digits = explorer.decode(projection.invert(projection.project(projection.means)))
    images = pad(torch.from_numpy(digits * 255).round().to(torch.uint8), (PADDING,) * 4)
    share = projection.accuracy(encode(load_model(run), images, torch.arange(10)))
    assert share is not None
    return share


def test_a_class_mean_survives_the_way_to_the_plane_and_back(trained: dict[str, Run], tmp_path: Path) -> None:
    assert class_means_that_come_back(trained["ae"], tmp_path) >= 0.9


@pytest.mark.soak
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("preset", ["vae", "vae-post"])
def test_a_class_mean_survives_it_in_variational_autoencoders_too(
    preset: str, make_run: MakeRun, tmp_path: Path
) -> None:
    run = make_run(preset=preset, epochs=24, batch_size=20)
    train(run, load_image_set("mnist-5k"))
    assert class_means_that_come_back(run, tmp_path) >= 0.9


def test_classes_that_cannot_be_separated_are_said_with_the_name_of_the_run(
    trained: dict[str, Run], tmp_path: Path
) -> None:
    images = load_image_set("mnist-5k")
    two = images.train_labels < 2
    few = replace(images, train_images=images.train_images[two], train_labels=images.train_labels[two])
    session = RunSession(trained["vae"], tmp_path, load_images=lambda *_: RunImages(few))
    with pytest.raises(RunError, match=r"^vae: LDA to two dimensions needs three classes or more, not 2$"):
        RunExplorer(session).projection(ProjectionOptions("lda"))


def test_of_a_large_set_evenly_chosen_images_are_shown(trained: dict[str, Run], tmp_path: Path) -> None:
    explorer = RunExplorer(RunSession(trained["vae"], tmp_path, limit=500))
    images = load_image_set("mnist-5k")
    plane = explorer.projection(ProjectionOptions("pca", part="training"))
    assert (plane.labels == images.train_labels[::8].numpy()).all()
    original, _ = explorer.pair("training", 7)
    assert np.allclose(original, images.train_images[56, 2:-2, 2:-2].numpy() / 255)
    assert explorer.page(0, 8).total == 500


def test_the_nearest_image_of_a_point_is_the_image_of_that_index(vae: RunExplorer) -> None:
    original, output = vae.pair("validation", 17)
    page = vae.page(17, 1)
    assert (original == page.originals[0]).all()
    assert np.allclose(output, page.reconstructions[0], atol=1e-5)
    assert np.allclose(vae.reconstruct(page.originals).images, page.reconstructions, atol=1e-5)
    originals, outputs = vae.preview()
    assert originals.shape == outputs.shape == (10, 28, 28)


def change_weights(run: Run) -> None:
    model = load_model(run)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(1.1)
    run.write_weights(weights_to_bytes(model, {"latent_scale": 1.0}))


def test_newer_weights_are_used_at_the_next_question(copy_of_vae: Run, tmp_path: Path) -> None:
    explorer = RunExplorer.open(copy_of_vae, tmp_path)
    questions = (
        lambda: explorer.page(0, 4).reconstructions,
        lambda: explorer.page(0, 4, order="worst").errors,
        lambda: explorer.image_detail(0, 2, 0).samples,
        lambda: explorer.samples("gaussian", 4, 0).latents,
        lambda: explorer.samples("full", 4, 0).latents,
        lambda: explorer.projection(ProjectionOptions("lda")).points,
        lambda: explorer.projection(ProjectionOptions("pca", part="training")).points,
        lambda: explorer.traversal(np.zeros(64), 3, 5).latents,
    )
    before = [question() for question in questions]
    change_weights(copy_of_vae)
    after = [question() for question in questions]
    for number, (old, new) in enumerate(zip(before, after, strict=True)):
        assert not np.allclose(old, new, rtol=1e-3), number
    fresh = RunExplorer.open(copy_of_vae, tmp_path)
    assert np.allclose(fresh.samples("full", 4, 0).latents, explorer.samples("full", 4, 0).latents)
    assert np.allclose(
        fresh.projection(ProjectionOptions("lda")).points, explorer.projection(ProjectionOptions("lda")).points
    )


def test_what_was_computed_is_kept_while_the_weights_stay(vae: RunExplorer) -> None:
    assert vae.projection(ProjectionOptions("pca")).projection is vae.projection(ProjectionOptions("pca")).projection
    assert (
        vae.projection(ProjectionOptions("pca")).projection
        is not vae.projection(ProjectionOptions("pca", fit_on_shown=True)).projection
    )


def test_what_is_missing_or_damaged_is_said(make_run: MakeRun, tmp_path: Path) -> None:
    run = make_run(preset="vae")
    explorer = RunExplorer.open(run, tmp_path)
    with pytest.raises(RunError, match="a-run has no weights yet: the trainer saves them soon after it starts"):
        explorer.page(0, 4)
    run.write_weights(b"garbage")
    with pytest.raises(DamagedFile, match=r"model\.safetensors: holds no vae model"):
        explorer.page(0, 4)


def test_weights_that_vanish_or_break_are_said_and_whole_ones_are_taken_again(copy_of_vae: Run, tmp_path: Path) -> None:
    explorer = RunExplorer.open(copy_of_vae, tmp_path)
    weights, page = copy_of_vae.read_weights(), explorer.page(0, 4)
    copy_of_vae.write_weights(weights[:1000])
    for _ in range(2):
        with pytest.raises(DamagedFile, match=r"model\.safetensors: holds no vae model"):
            explorer.page(0, 4)
    copy_of_vae.weights_path().unlink()
    with pytest.raises(RunError, match="copy has no weights yet"):
        explorer.samples("prior", 4, 0)
    copy_of_vae.write_weights(weights)
    assert (explorer.page(0, 4).reconstructions == page.reconstructions).all()


def test_a_set_that_is_not_here_is_named_with_how_to_get_it(
    make_run: MakeRun, trained: dict[str, Run], tmp_path: Path
) -> None:
    for dataset, note in (("mnist", "mnist is not here: mnist-5k"), ("kmnist", None)):
        run = make_run(f"of-{dataset}", preset="vae", dataset=dataset, data_dir=str(tmp_path / "elsewhere"))
        run.write_weights(trained["vae"].read_weights())
        explorer = RunExplorer.open(run, tmp_path / "none")
        assert explorer.note == ""
        if note is None:
            with pytest.raises(DataError, match=r"kmnist is not in .*vae-tui data --download kmnist"):
                explorer.page(0, 4)
        else:
            assert explorer.page(0, 4).total == 1000
            assert explorer.note == note


def test_a_run_on_mnist_is_looked_at_with_mnist_where_it_is_on_disk(
    make_run: MakeRun, trained: dict[str, Run], tmp_path: Path
) -> None:
    put("mnist", tmp_path / "here")
    for number, (trained_from, data_dir) in enumerate((("elsewhere", "here"), ("here", "elsewhere"), (None, "here"))):
        known = trained_from and str(tmp_path / trained_from)
        run = make_run(f"run-{number}", preset="vae", dataset="mnist", data_dir=known)
        run.write_weights(trained["vae"].read_weights())
        explorer = RunExplorer.open(run, tmp_path / data_dir)
        assert explorer.page(0, 4).total == 10
        assert explorer.note == ""


def test_long_work_is_heard_of_and_done_once(trained: dict[str, Run], tmp_path: Path) -> None:
    said: list[str] = []
    explorer = RunExplorer.open(trained["ae"], tmp_path, said.append)
    explorer.samples("gaussian", 4, 0)
    assert said[0] == "reading the images"
    assert "encoding training images: 1,000 of 4,000" in said
    assert said[-1] == "fitting a Gaussian for each latent number"
    said.clear()
    explorer.samples("gaussian", 4, 1)
    assert said == []
    explorer.page(0, 4, order="worst")
    explorer.projection(ProjectionOptions("pca"))
    assert said == ["reconstructing validation images: 1,000 of 1,000", "encoding validation images: 1,000 of 1,000"]


def test_two_who_ask_at_once_do_not_load_the_model_twice(
    trained: dict[str, Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loads = []

    def load_slowly(content: bytes, preset: str, path: Path) -> Autoencoder:
        loads.append(path)
        time.sleep(0.2)
        return load_autoencoder(content, preset, path)

    monkeypatch.setattr("core.explorer.session.load_autoencoder", load_slowly)
    explorer = RunExplorer.open(trained["vae"], tmp_path)
    threads = [threading.Thread(target=explorer.samples, args=("prior", 2, seed)) for seed in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(loads) == 1


def test_questions_from_several_threads_are_all_answered_rightly(trained: dict[str, Run], tmp_path: Path) -> None:
    explorer = RunExplorer.open(trained["vae"], tmp_path)
    expected = {seed: explorer.samples("prior", 4, seed).images for seed in range(4)}
    wrong: list[int] = []

    def ask(seed: int) -> None:
        for _ in range(5):
            if not (explorer.samples("prior", 4, seed).images == expected[seed]).all():
                wrong.append(seed)
            explorer.projection(ProjectionOptions("pca"))

    threads = [threading.Thread(target=ask, args=(seed,)) for seed in expected]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_points_of_a_large_set_say_which_images_they_are_of(trained: dict[str, Run], tmp_path: Path) -> None:
    plane = RunExplorer(RunSession(trained["vae"], tmp_path, limit=1500)).projection(
        ProjectionOptions("pca", part="training")
    )
    labels = load_image_set("mnist-5k").train_labels.numpy()
    assert len(plane.points) == len(plane.indices) == 1500
    assert (labels[plane.indices] == plane.labels).all()


def test_weights_that_are_no_numbers_are_damaged(
    make_run: Callable[..., Run], trained: dict[str, Run], tmp_path: Path
) -> None:
    run = make_run(preset="vae")
    model = load_model(trained["vae"])
    with torch.no_grad():
        next(model.parameters()).fill_(float("nan"))
    run.write_weights(weights_to_bytes(model, {"latent_scale": 1.0}))
    with pytest.raises(DamagedFile, match=r"model\.safetensors: holds numbers that are not finite"):
        RunExplorer.open(run, tmp_path).page(0, 4)
