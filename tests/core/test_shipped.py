"""The runs that come with the repository can be explored at once, also where MNIST is not on disk."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn.functional import pad

from core.evaluation.classifier import classify, shipped
from core.explorer.queries import RunExplorer
from core.latents.encoding import encode
from core.latents.options import ProjectionOptions, SamplingOptions
from core.models.weights import load_autoencoder
from core.runs.catalog import summarise
from core.runs.config import defaults
from core.runs.metrics.reader import MetricsReader
from core.runs.run import Run
from core.runs.snapshots.folder import folder_of, snapshots_of
from core.runs.status import State
from core.shapes import LATENT_SHAPE, PADDING
from tests.conftest import CHECKPOINTS

# And what the validation loss must be below.
RUNS = {"ae-mnist": 8, "vae-post-mnist": 70, "vae-mnist": 18.5, "prior-mnist": 98}

each_run = pytest.mark.parametrize("name", RUNS)


@pytest.fixture
def explorer(name: str, tmp_path: Path) -> RunExplorer:
    """An explorer that finds no image set but the one that is always there."""
    return RunExplorer.open(Run(CHECKPOINTS / name), tmp_path)


@each_run
def test_a_shipped_run_is_whole_and_says_how_it_was_trained(name: str) -> None:
    run = Run(CHECKPOINTS / name)
    summary = summarise(run)
    assert (summary.damage, summary.state) == (None, State.FINISHED)
    config, status = run.config(), run.status()
    assert (config.dataset, config.batch_size, config.seed) == ("mnist", 128, 0)
    for setting in ("learning_rate", "schedule", "beta"):
        assert getattr(config, setting) == defaults({"preset": config.preset})[setting]
    reader = MetricsReader(run.metrics_path)
    reader.poll()
    assert reader.damaged_lines == 0
    assert len(reader.epochs) == status.epoch == config.epochs
    assert reader.epochs["val_loss"][-1] < RUNS[name]


@each_run
def test_a_shipped_run_holds_no_file_but_those_of_a_run(name: str) -> None:
    files = {"config.json", "metrics.jsonl", "status.json", "model.safetensors"}
    files |= {"first-stage.safetensors"} if name == "prior-mnist" else {"best.safetensors", "state.pt"}
    found = {path.name for path in (CHECKPOINTS / name).iterdir()}
    assert files <= found <= files | {"train.log", "control.json", "snapshots"}
    assert json.loads((CHECKPOINTS / name / "config.json").read_text())["preset"] == name.removesuffix("-mnist")


def test_a_shipped_run_shows_its_training_from_the_first_steps_to_the_last_epochs() -> None:
    run = Run(CHECKPOINTS / "vae-mnist")
    snapshots = snapshots_of(run)
    assert {path.name for path in folder_of(run).iterdir()} == {snapshot.path.name for snapshot in snapshots}
    assert 10 <= len(snapshots) <= 30
    assert snapshots[0].epoch < 0.1
    assert snapshots[-1].epoch > 0.8 * run.config().epochs >= 80
    for snapshot in snapshots:
        assert load_autoencoder(snapshot.read(), "vae", snapshot.path).parameters()


@each_run
def test_a_shipped_run_is_looked_at_without_mnist_on_disk(name: str, explorer: RunExplorer) -> None:
    # Where it was trained there may be MNIST.
    config = explorer.session.run.config()
    if config.data_dir and Path(config.data_dir).exists():
        pytest.skip("the folder that this run was trained from is here")
    page = explorer.page(0, 8)
    assert page.total == 1000
    assert explorer.note == "on mnist-5k: no mnist on disk"


@each_run
def test_samples_of_a_shipped_run_are_digits_and_not_grey(name: str, explorer: RunExplorer) -> None:
    samples = explorer.samples(explorer.default_sampler, 32, 0)
    ink = samples.images.mean(axis=(1, 2))
    assert ((ink > 0.03) & (ink < 0.35)).all()
    assert (samples.images.max(axis=(1, 2)) > 0.5).all()
    assert not np.allclose(samples.images[0], samples.images[1], atol=0.2)


@each_run
def test_a_class_mean_survives_the_way_to_the_plane_and_back(name: str, explorer: RunExplorer) -> None:
    projection = explorer.projection(ProjectionOptions("lda")).linear
    assert projection is not None
    classifier = projection.classifier
    assert classifier is not None
    back = projection.invert(projection.project(projection.means))
    with torch.inference_mode(), explorer.session.newest(print) as model:
        images = model.decode(torch.as_tensor(back, dtype=torch.float32).view(-1, *LATENT_SHAPE)).clamp(0, 1)
        again = encode(model, (images.squeeze(1) * 255).round().to(torch.uint8), torch.arange(10))
    assert (classifier.predict(again.mean) == np.arange(10)).mean() >= 0.9


def test_the_shipped_prior_draws_the_digit_that_is_asked_for(tmp_path: Path) -> None:
    explorer = RunExplorer.open(Run(CHECKPOINTS / "prior-mnist"), tmp_path)
    for digit in (2, 5, 8):
        images = explorer.samples("learned", 50, 0, options=SamplingOptions(digit, guidance=2.0)).images
        seen = classify(shipped(), [pad(torch.from_numpy(images)[:, None], (PADDING,) * 4)]).probabilities.argmax(dim=1)
        assert (seen == digit).double().mean() > 0.9
