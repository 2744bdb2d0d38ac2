"""What the models reach on the whole of MNIST; runs where VAE_TUI_DATA names a folder that has it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from core.data import images, registry
from core.runs.run import Run
from tests.support.trainers import train

FOLDER = Path(os.environ.get("VAE_TUI_DATA", "/nonexistent"))

pytestmark = [
    pytest.mark.full_mnist,
    pytest.mark.skipif(not registry.is_on_disk("mnist", FOLDER), reason="VAE_TUI_DATA names no folder with MNIST"),
]


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(("preset", "bounds"), [("ae", (13, 10)), ("vae", (42, 36)), ("vae-post", (120, 100))])
def test_validation_losses_after_two_and_four_epochs(
    make_run: Callable[..., Run], preset: str, bounds: tuple[float, float]
) -> None:
    of_the_post = {"batch_size": 128, "learning_rate": 1e-3, "schedule": "constant", "beta": 1.0}
    run = make_run(preset=preset, dataset="mnist", data_dir=str(FOLDER), epochs=4, **of_the_post)
    train(run, images.load_image_set("mnist", FOLDER))
    from core.runs.metrics.reader import MetricsReader

    reader = MetricsReader(run.metrics_path)
    reader.poll()
    losses = reader.epochs["val_loss"]
    assert losses[1] < bounds[0]
    assert losses[3] < bounds[1]
