"""Planes that are no projection: t-SNE and UMAP place the latents they are given, and have no formula for others.

They are found in a process of their own, which ends at once when nobody waits for them.
"""

from __future__ import annotations

import pickle
import subprocess
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from core import packages, program
from core.arrays import Floats
from core.latents.options import EMBEDDINGS, there
from core.latents.projection import ProjectionError

NEEDED = packages.needs("UMAP needs", "umap")


@dataclass(frozen=True)
class Embedding:
    """What is known of such a plane besides its points: there is no way back, and no way for other latents."""

    name: str  # of EMBEDDINGS
    seed: int
    numbers: None = None
    explained: None = None

    @property
    def axes(self) -> tuple[str, str]:
        title = EMBEDDINGS[self.name].title
        return f"{title} 1", f"{title} 2"


@dataclass(frozen=True, eq=False)
class Request:
    """What the process is to embed: latents (N, D), with how many neighbours, beginning as this seed says."""

    name: str
    latents: Floats
    neighbours: int
    seed: int


def embed(request: Request, report: Callable[[str], object]) -> Floats:
    """The points (N, 2), the same for the same seed; what `report` raises ends it. Raises ProjectionError."""
    count = len(request.latents)
    if not request.neighbours < count:
        raise ProjectionError(f"{request.neighbours} neighbours are too many for {count} latents")
    if not np.isfinite(request.latents).all():
        raise ProjectionError("some latents are no finite numbers")
    if request.name not in there():
        raise ProjectionError(NEEDED)
    # Its input is held open: it ends when this process does.
    with subprocess.Popen(
        program.words("core.latents.plane.embedder"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        assert process.stdin and process.stdout
        try:
            pickle.dump(request, process.stdin)
            process.stdin.flush()
            while True:
                match pickle.load(process.stdout):
                    case str(words):
                        report(words)
                    case Exception() as error:
                        raise ProjectionError(f"{EMBEDDINGS[request.name].title} failed: {error}") from error
                    case points:
                        found: Floats = points
                        return found
        except (EOFError, BrokenPipeError):
            raise ProjectionError(f"the process of {EMBEDDINGS[request.name].title} ended early") from None
        finally:
            process.kill()
