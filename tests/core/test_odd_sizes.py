"""Runs whose sizes are not those of the post: trained, looked into, given away, forked, and learned a prior of."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from core.errors import ConfigError
from core.exchange.importing import import_run
from core.explorer.queries import RunExplorer
from core.explorer.session import RunSession
from core.jobs.forking import make_fork
from core.kernels.step_library import has_step
from core.latents.options import LINEAR, ProjectionOptions
from core.runs.config import check_values
from core.runs.first_stage import first_stage_settings, with_images
from core.runs.run import Run
from core.standalone import folder, model
from core.training.trainer import Trainer
from tests.conftest import cut_digits
from tests.support.models import load_model
from tests.support.trainers import train

MakeRun = Callable[..., Run]
TWO = {"features": "8,16,16,32,32", "latent_channels": 2}
SHAPES = [
    pytest.param("vae", TWO, (2, 1, 1)),
    pytest.param("vae-post", {"features": "12,20", "latent_channels": 3}, (3, 8, 8), marks=pytest.mark.slow),
    pytest.param("ae", {"features": "6,10,14,18", "latent_channels": 5}, (5, 2, 2), marks=pytest.mark.slow),
    pytest.param("vae", {"features": "8,16", "likelihood": "bernoulli"}, (4, 8, 8), marks=pytest.mark.slow),
    pytest.param("vae", {"features": "4", "latent_channels": 1}, (1, 16, 16), marks=pytest.mark.slow),
]


def trained(make_run: MakeRun, name: str, **settings: object) -> tuple[Run, Trainer]:
    run = make_run(name, **{"epochs": 1, "batch_size": 100} | settings)
    return run, train(run, cut_digits(200, 100))


def explorer_of(run: Run, tmp_path: Path) -> RunExplorer:
    return RunExplorer(RunSession(run, tmp_path, limit=200))


@pytest.mark.parametrize(("preset", "sizes", "shape"), SHAPES)
def test_everything_takes_the_sizes_of_the_model(
    preset: str, sizes: dict[str, object], shape: tuple[int, int, int], make_run: MakeRun, tmp_path: Path
) -> None:
    run, trainer = trained(make_run, "odd", preset=preset, **sizes)
    config = run.config().sizes
    has = has_step(config.features, config.latent_channels)
    said = trainer.method.endswith("(no compiled step: none for its sizes)")
    assert (trainer.method.startswith("compiled step"), said) == (has, not has)
    assert trainer.model.latent_shape == shape == config.latent_shape
    explorer, size = explorer_of(run, tmp_path), int(np.prod(shape))
    assert explorer.page(0, 4).reconstructions.shape == (4, 28, 28)
    detail = explorer.image_detail(explorer.page(0, 1).indices[0], 3, 0)
    assert (detail.mean.shape, detail.samples.shape) == (shape, (3, 28, 28))
    for sampler in ("prior", "gaussian", "full"):
        drawn = explorer.samples(sampler, 5, 0)
        assert (drawn.images.shape, drawn.latents.shape) == ((5, 28, 28), (5, size))
    assert explorer.activity().shape == (size,)
    assert explorer.traversal(drawn.latents[0], size - 1, 5).images.shape == (5, 28, 28)
    assert explorer.interpolation(drawn.latents[0], drawn.latents[1], 4, "spherical").images.shape == (4, 28, 28)
    for projection in LINEAR:
        plane = explorer.projection(ProjectionOptions(projection))
        assert plane.linear is not None
        assert explorer.decode(plane.linear.invert(plane.points[:3])).shape == (3, 28, 28)
    assert explorer.sketch(drawn.images[0], 2).latent.shape == (size,)
    first = next(iter(run.path.glob("snapshots/*")))
    assert explorer.at(int(first.stem.removeprefix("step"))).page(0, 2).errors.shape == (2,)

    place = tmp_path / "exported"
    folder.write(run, place, onnx=True)  # which onnxruntime checks
    exported, x = model.load(place / "model.safetensors"), torch.rand(2, 1, 32, 32)
    with torch.no_grad():
        mean = load_model(run).encode(x).mean
        assert torch.equal(exported.encode(x)[0], mean)
        assert torch.equal(exported.decode(mean), load_model(run).decode(mean))
    imported = import_run([run.weights_path()], {"preset": preset, "dataset": "mnist-5k"}, tmp_path, "imported")
    assert imported.config().sizes == run.config().sizes
    with torch.no_grad():
        assert torch.equal(load_model(imported).decode(mean), exported.decode(mean))
    assert "x".join(map(str, shape)) in (place / "README.md").read_text()


def test_a_last_batch_that_cannot_be_normalised_is_refused(make_run: MakeRun) -> None:
    refused = "batch size must be another than {}, which leaves a last batch of 1 of {} images"
    for size, holdout in ((31, 0), (128, 31)):
        with pytest.raises(ConfigError, match=refused.format(size, f"{4000 - holdout:,}")) as error:
            check_values(batch_size=size, holdout=holdout, **TWO)
        assert list(error.value.problems) == ["batch_size"]
    for other in ({"features": "8,16,16,32"}, {"batch_size": 30}, {"holdout": 1}, {"dataset": "mnist"}):
        assert check_values(**{"batch_size": 31, **TWO, **other})
    with pytest.raises(ConfigError, match=refused.format(199, 200)):  # of images that nobody has counted before
        trained(make_run, "odd", batch_size=199, **TWO)
    run, _ = trained(make_run, "usual", batch_size=199)  # where a level has more pixels
    assert run.read_weights()


@pytest.mark.slow
def test_a_fork_and_a_learned_prior_have_the_sizes_of_their_run(make_run: MakeRun, tmp_path: Path) -> None:
    run, _ = trained(make_run, "odd", **TWO)
    fork = make_fork(run, run.path.parent, "fork", {"epochs": 2})
    assert train(fork, cut_digits(200, 100)).model.latent_shape == (2, 1, 1)
    with pytest.raises(ConfigError, match="latent channels stay 2 in a fork of this run: its weights are of them"):
        make_fork(run, run.path.parent, "other", {"latent_channels": 3})

    taken = first_stage_settings(run)
    assert {name: taken[name] for name in TWO} == TWO
    with pytest.raises(ConfigError, match="features must be those of odd, 8,16,16,32,32, not 8,16"):
        with_images({"preset": "prior", "features": "8,16"}, tmp_path, taken)
    config = make_run("settings", preset="prior", **taken).config()
    prior = Run.create(tmp_path, "prior", config, run.read_weights())
    trainer = train(prior, cut_digits(200, 100), boundaries=2)
    assert trainer.model.latent_shape == (2, 1, 1)
    assert explorer_of(prior, tmp_path).samples("learned", 4, 0).latents.shape == (4, 2)
