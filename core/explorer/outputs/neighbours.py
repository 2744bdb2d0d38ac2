"""The nearest of many points, and the training images that are nearest to others: whether samples are copies."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch

from core.arrays import Floats, Images, Labels
from core.data.images import ImageSet, pixels
from core.explorer.outputs.decoding import shown
from core.explorer.results import Neighbours, class_names

BLOCK = 5_000  # training images as float32 at once: 16 MB


def nearest(points: Iterable[Floats], queries: Floats, count: int) -> tuple[Labels, Floats]:
    """Of points, in blocks (N, D), the nearest to each query (M, D), nearest first: their places and distances.

    Both are (M, K), K being `count` or, if fewer, the number of points; the first of equals comes first.
    """
    places: Labels = np.empty((len(queries), 0), np.int64)
    distances: Floats = np.empty((len(queries), 0))
    squares, seen = np.square(queries).sum(axis=1)[:, None], 0
    for block in points:
        rough = squares + np.square(block).sum(axis=1) - 2 * queries @ block.T  # rounded: chooses, measures nothing
        found = np.argpartition(rough, min(count, len(block)) - 1, axis=1)[:, :count]
        pairs = zip(found, queries, strict=True)
        exact = np.stack([np.linalg.norm(block[row] - query, axis=1) for row, query in pairs])
        places, distances = np.hstack([places, found + seen]), np.hstack([distances, exact])
        order = np.lexsort((places, distances))[:, :count]
        places, distances = np.take_along_axis(places, order, axis=1), np.take_along_axis(distances, order, axis=1)
        seen += len(block)
    return places, distances


def training_neighbours(images: ImageSet, queries: Images, count: int) -> Neighbours:
    """The training images that are nearest to images (M, 28, 28) in [0, 1], by the distance of their pixels."""
    blocks = (shown(pixels(block)).reshape(len(block), -1) for block in images.train_images.split(BLOCK))
    places, distances = nearest(blocks, queries.reshape(len(queries), -1), count)
    chosen = torch.from_numpy(places.ravel())
    return Neighbours(
        shown(pixels(images.train_images[chosen])).reshape(*places.shape, *queries.shape[1:]),
        places,
        images.train_labels[chosen].numpy().reshape(places.shape),
        distances,
        len(images.train_labels),
        class_names(images.name, images.classes),
    )
