"""The latents of a run in the plane, and the way back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn.functional import pad

from core.arrays import Floats
from core.data.images import RunImages, load_image_set
from core.errors import RunError
from core.explorer.plane import embedded
from core.explorer.queries import RunExplorer
from core.explorer.session import RunSession
from core.latents.encoding import encode
from core.latents.options import ProjectionOptions
from core.latents.plane.embedding import Request
from core.latents.projection import fit_lda
from core.runs.run import Run
from core.shapes import PADDING
from tests.support.models import load_model
from tests.support.trainers import train

MakeRun = Callable[..., Run]


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


def test_an_embedding_is_found_once_for_each_set_of_images_and_seed(
    vae: RunExplorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[int, int]] = []

    def embed(request: Request, report: object) -> Floats:
        asked.append((len(request.latents), request.seed))
        return request.latents[:, :2]

    monkeypatch.setattr(embedded, "embed", embed)
    tsne = ProjectionOptions("tsne")
    for options in (tsne, replace(tsne, part="training"), tsne, ProjectionOptions(), replace(tsne, seed=1), tsne):
        vae.projection(options)
    assert asked == [(1000, 0), (1000, 0), (1000, 1)]


def test_accuracy_is_that_of_the_classifier_on_what_is_shown(explorer: RunExplorer) -> None:
    images, model = load_image_set("mnist-5k"), load_model(explorer.session.run)
    training = encode(model, images.train_images, images.train_labels)
    validation = encode(model, images.validation_images, images.validation_labels)
    for fitted, shown, choice in (
        (training, validation, ProjectionOptions("lda")),
        (training, training, ProjectionOptions("lda", part="training")),
        (validation, validation, ProjectionOptions("lda", fit_on_shown=True)),
    ):
        lda, plane = fit_lda(fitted), explorer.projection(choice)
        assert plane.accuracy == pytest.approx(lda.accuracy(shown), abs=0.005)
        assert (plane.labels == shown.labels).all()
        expected = lda.project(shown.mean)
        assert np.abs(np.abs(plane.points) - np.abs(expected)).max() < 0.05 * np.abs(expected).max()


def class_means_that_come_back(run: Run, data_dir: Path) -> float:
    """The share of class means that decode, from their place in the plane, to a digit that LDA takes for theirs."""
    explorer = RunExplorer.open(run, data_dir)
    projection = explorer.projection(ProjectionOptions("lda")).linear
    assert projection is not None
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
    with pytest.raises(
        RunError, match=r"^vae: LDA to two dimensions needs three classes or more, not 2; PCA needs none$"
    ):
        RunExplorer(session).projection(ProjectionOptions("lda"))
