"""t-SNE and UMAP, each in a process of its own."""

from __future__ import annotations

import time

import numpy as np
import psutil
import pytest

from core.latents import options
from core.latents.plane.embedding import Request, embed
from core.latents.projection import ProjectionError

LABELS = np.arange(60) % 2
LATENTS = np.random.default_rng(0).standard_normal((60, 8)) + 10 * LABELS[:, None]


class Left(Exception):
    """Nobody waits any more."""


def test_neighbours_stay_near_and_it_is_said_what_is_done() -> None:
    said: list[str] = []
    points = embed(Request("tsne", LATENTS, 5, 0), said.append)
    assert points.shape == (60, 2)
    distances = np.linalg.norm(points[:, None] - points[None], axis=-1) + np.diag(np.full(60, np.inf))
    assert (LABELS[distances.argmin(axis=1)] == LABELS).mean() > 0.95
    assert said[0].startswith("t-SNE: ")


@pytest.mark.slow
def test_the_same_seed_gives_the_same_plane() -> None:
    one, again = (embed(Request("tsne", LATENTS, 5, 3), lambda words: None) for _ in range(2))
    assert (one == again).all()


@pytest.mark.slow
def test_umap_places_neighbours_near_too() -> None:
    pytest.importorskip("umap")
    points = embed(Request("umap", LATENTS, 5, 0), lambda words: None)
    assert points.shape == (60, 2)


def test_who_leaves_ends_it() -> None:
    def leave(words: str) -> None:
        raise Left

    start = time.monotonic()
    with pytest.raises(Left):
        embed(Request("tsne", np.random.default_rng(0).standard_normal((2000, 64)), 30, 0), leave)
    assert time.monotonic() - start < 8
    assert not [child for child in psutil.Process().children() if "core.latents.plane.embedder" in child.cmdline()]


def test_what_cannot_be_embedded_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ProjectionError, match="60 neighbours are too many for 60 latents"):
        embed(Request("tsne", LATENTS, 60, 0), print)
    with pytest.raises(ProjectionError, match="no finite numbers"):
        embed(Request("tsne", LATENTS * np.nan, 5, 0), print)
    monkeypatch.setattr(options, "find_spec", lambda name: None)
    with pytest.raises(ProjectionError, match=r"^UMAP needs umap-learn: pip install umap-learn$"):
        embed(Request("umap", LATENTS, 5, 0), print)
