"""What a run's newest model makes of its images, and what its latents decode to."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from core.data.images import load_image_set, pixels
from core.errors import ConfigError, RunError
from core.explorer.protocol import compare_reconstructions
from core.explorer.queries import RunExplorer
from core.explorer.session import RunSession
from core.latents.options import ProjectionOptions
from core.runs.architecture.presets import PRESETS
from core.runs.run import Run
from tests.support.models import load_model

MakeRun = Callable[..., Run]


def test_pages_show_every_validation_image_once_and_in_order(vae: RunExplorer) -> None:
    pages = [vae.page(first, 64) for first in range(0, 1000, 64)]
    assert np.concatenate([page.indices for page in pages]).tolist() == list(range(1000))
    assert {page.total for page in pages} == {1000}
    assert pages[3].originals.shape == pages[3].reconstructions.shape == (64, 28, 28)
    images = load_image_set("mnist-5k").validation_images
    assert np.allclose(pages[3].originals[5], images[3 * 64 + 5, 2:-2, 2:-2].numpy() / 255)


def test_indices_are_those_in_the_image_set_where_few_of_many_images_are_looked_at(
    trained: dict[str, Run], tmp_path: Path
) -> None:
    images = load_image_set("mnist-5k")
    few = RunExplorer(RunSession(trained["vae"], tmp_path, limit=300))
    page = few.page(100, 50)
    worst = few.page(0, 1, order="worst")
    assert page.total == 300
    assert page.indices.max() > 300
    for index, original, label in zip(page.indices, page.originals, page.labels, strict=True):
        assert np.allclose(original, images.validation_images[index, 2:-2, 2:-2].numpy() / 255)
        assert label == images.validation_labels[index]
    for index, original in ((int(page.indices[7]), page.originals[7]), (int(worst.indices[0]), worst.originals[0])):
        detail = few.image_detail(index, 2, 0)
        assert detail.index == index
        assert np.array_equal(detail.original, original)
        assert np.array_equal(few.pair("validation", index)[0], original)
    plane = few.projection(ProjectionOptions(part="training"))
    index = int(plane.indices[200])
    assert index > 300
    assert np.allclose(few.pair("training", index)[0], images.train_images[index, 2:-2, 2:-2].numpy() / 255)
    assert plane.labels[200] == images.train_labels[index]


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


def test_the_nearest_image_of_a_point_is_the_image_of_that_index(vae: RunExplorer) -> None:
    original, output = vae.pair("validation", 17)
    page = vae.page(17, 1)
    assert (original == page.originals[0]).all()
    assert np.allclose(output, page.reconstructions[0], atol=1e-5)
    assert np.allclose(vae.reconstruct(page.originals).images, page.reconstructions, atol=1e-5)
    originals, outputs = vae.preview()
    assert originals.shape == outputs.shape == (10, 28, 28)


def test_a_run_compared_with_itself_has_the_same_errors(explorer: RunExplorer, tmp_path: Path) -> None:
    other = RunExplorer.open(explorer.session.run, tmp_path)
    compared = compare_reconstructions(explorer, other, 40, 12)
    assert compared.page.first == 40
    assert compared.other.errors.tolist() == compared.page.errors.tolist()
    assert (compared.other.images == compared.page.reconstructions).all()


def test_both_errors_are_those_of_the_loss_and_not_of_what_is_shown(explorers: dict[str, RunExplorer]) -> None:
    compared = compare_reconstructions(explorers["ae"], explorers["vae-post"], 0, 30)
    x = pixels(load_image_set("mnist-5k").validation_images[:30])
    for preset, errors in (("ae", compared.page.errors), ("vae-post", compared.other.errors)):
        model = load_model(explorers[preset].session.run)
        with torch.no_grad():
            wanted = (model.decode(model.encode(x).mode()) - x).square().sum(dim=(1, 2, 3))
        assert errors == pytest.approx(wanted.numpy(), rel=1e-3)
