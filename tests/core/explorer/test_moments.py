"""A run is looked into as it was at the moments of its training of which it keeps snapshots."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch

from core.errors import DamagedFile, RunError
from core.explorer import session as sessions
from core.explorer.messages import Answer, Question
from core.explorer.protocol import Report
from core.explorer.queries import RunExplorer
from core.explorer.remote import RemoteExplorer
from core.explorer.session import RunSession
from core.latents.aggregate import Latents
from core.latents.encoding import encode
from core.latents.options import ProjectionOptions
from core.models.autoencoder import Autoencoder, VariationalAutoencoder
from core.runs.run import Run
from tests.support.moments import put_snapshot, worse

STEPS = (10, 100, 1000)


@pytest.fixture
def run(copy_of_vae: Run) -> Run:
    """With three snapshots, each nearer to the newest weights than the one before."""
    for step, noise in zip(STEPS, (0.6, 0.3, 0.1), strict=True):
        put_snapshot(copy_of_vae, step, step / 500, worse(noise))
    return copy_of_vae


@pytest.fixture
def explorer(run: Run, tmp_path: Path) -> RunExplorer:
    return RunExplorer(RunSession(run, tmp_path, limit=600))


def test_at_a_moment_the_same_digits_are_reconstructed_by_the_weights_of_then(explorer: RunExplorer) -> None:
    newest = explorer.page(0, 8, order="worst")
    errors = [newest.errors.sum()]
    for step in reversed(STEPS):
        page = explorer.at(step).page(0, 8, order="worst")
        assert (page.indices == newest.indices).all()
        errors.append(page.errors.sum())
    assert errors == sorted(errors)
    assert (explorer.page(0, 8).reconstructions == explorer.at(None).page(0, 8).reconstructions).all()


@pytest.mark.parametrize("sampler", ["prior", "gaussian"])
def test_at_a_moment_the_same_latents_are_decoded(explorer: RunExplorer, sampler: str) -> None:
    newest, then = (each.samples(sampler, 4, seed=3) for each in (explorer, explorer.at(10)))
    assert (newest.latents == then.latents).all()
    assert np.abs(newest.images - then.images).max() > 0.1


def test_a_plane_is_held_or_fitted_at_each_moment_on_fewer_images(
    explorer: RunExplorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "MOMENT_LIMIT", 300)
    newest = explorer.projection(ProjectionOptions("lda"))
    held = explorer.at(1000).projection(ProjectionOptions("lda"))
    assert held.projection is newest.projection
    assert (len(newest.points), len(held.points), held.total, held.fitted) == (600, 300, 600, 600)
    assert (held.indices == newest.indices[::2]).all()
    fitted = explorer.at(1000).projection(ProjectionOptions("lda", fit_each=True))
    assert fitted.fitted == 300
    assert fitted.accuracy is not None and held.accuracy is not None
    numbers = explorer.at(10).projection(ProjectionOptions("dims", fit_each=True)).projection.numbers
    assert numbers == explorer.projection(ProjectionOptions("dims")).projection.numbers


def test_planes_that_are_fitted_at_each_moment_lie_like_the_next_one(explorer: RunExplorer) -> None:
    options = ProjectionOptions("pca", fit_each=True)
    planes = [explorer.at(step).projection(options).points for step in (*STEPS, None)]
    for before, after in pairwise(planes):
        assert (before * after).sum() > 0.1 * np.linalg.norm(before) * np.linalg.norm(after)


def flip(model: Autoencoder) -> None:
    """Every latent has the other sign."""
    worse(0.05)(model)
    for parameter in cast(VariationalAutoencoder, model).head.parameters():
        parameter[: len(parameter) // 2].neg_()


def test_a_plane_that_flips_is_flipped_back_and_so_are_those_before(run: Run, explorer: RunExplorer) -> None:
    for step in (10, 100):
        put_snapshot(run, step, step / 500, flip)
    options = ProjectionOptions("pca", fit_each=True)
    newest = explorer.projection(options).points
    for step in STEPS:
        points = explorer.at(step).projection(options).points
        assert np.corrcoef(points[:, 0], newest[:, 0])[0, 1] > 0.5, step


def test_what_was_found_of_a_moment_is_kept_also_when_there_are_newer_weights(
    run: Run, explorer: RunExplorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoded: list[int] = []

    def count(*words: Any) -> Latents:
        encoded.append(1)
        return encode(*words)

    monkeypatch.setattr(sessions, "encode", count)
    options = ProjectionOptions("pca")
    explorer.at(10).projection(options)
    assert len(encoded) == 2  # that of then, and the training images that the newest weights are fitted to
    run.write_weights(run.read_weights())
    explorer.at(100).projection(options)
    explorer.at(10).projection(options)
    assert len(encoded) == 4
    monkeypatch.setattr(sessions, "MOMENTS_KEPT", 1)
    explorer.at(100).projection(options)
    explorer.at(10).projection(options)
    assert len(encoded) == 5


def test_a_snapshot_that_is_gone_or_damaged_is_said(run: Run, explorer: RunExplorer) -> None:
    explorer.at(10).page(0, 1)
    path = put_snapshot(run, 10, 0.02, worse(0.0))
    assert np.allclose(explorer.at(10).page(0, 4).reconstructions, explorer.page(0, 4).reconstructions)
    path.write_bytes(b"nonsense")
    with pytest.raises(DamagedFile, match=path.name):
        explorer.at(10).page(0, 1)
    path.unlink()
    with pytest.raises(RunError, match="copy has no snapshot of step 10 any more"):
        explorer.at(10).page(0, 1)
    explorer.page(0, 1)


def test_a_question_and_its_answer_name_the_moment_that_they_are_about(run: Run) -> None:
    asked: list[Question] = []

    def answer(question: Question, report: Report, on_callback: Callable[..., object]) -> Answer:
        asked.append(question)
        return Answer(question.number, torch.zeros(1), "", question.moment)

    explorer = RemoteExplorer(run, answer, print)
    explorer.at(100).page(0, 1)
    explorer.page(0, 1)
    assert [question.moment for question in asked] == [100, None]
