"""Which training images are nearest to others."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from core.data.images import load_image_set
from core.explorer.outputs.neighbours import nearest
from core.explorer.queries import RunExplorer
from core.explorer.session import RunSession
from core.runs.run import Run


def test_the_nearest_are_found_across_blocks_and_the_first_of_equals_comes_first() -> None:
    points = np.random.default_rng(0).normal(size=(50, 8)).astype(np.float32)
    points[40] = points[3]
    places, distances = nearest(np.split(points, [7, 20, 45]), points[[3, 30]], 60)
    every = np.linalg.norm(points - points[[3, 30], None], axis=2)
    assert places.shape == (2, 50)
    assert (places == np.argsort(every, axis=1, kind="stable")).all()
    assert np.allclose(distances, np.sort(every, axis=1))
    assert places[0, :2].tolist() == [3, 40]
    assert (distances[0, :2] == 0).all()


def test_a_copy_is_found_among_all_training_images_and_not_only_those_that_are_looked_at(
    trained: dict[str, Run], tmp_path: Path
) -> None:
    images = load_image_set("mnist-5k")
    copied = np.asarray(images.train_images[[3999, 17, 1234], 2:-2, 2:-2].numpy() / 255, np.float32)
    few = RunExplorer(RunSession(trained["vae"], tmp_path, limit=300))
    found = few.neighbours(copied, 2)
    assert found.total == 4000
    assert found.indices[:, 0].tolist() == [3999, 17, 1234]
    assert found.labels[:, 0].tolist() == images.train_labels[[3999, 17, 1234]].tolist()
    assert (found.images[:, 0] == copied).all()
    assert (found.distances[:, 0] == 0).all()
    assert (found.distances[:, 1] > 1).all()
    assert np.allclose(np.linalg.norm((found.images[:, 1] - copied).reshape(3, -1), axis=1), found.distances[:, 1])
