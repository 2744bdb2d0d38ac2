"""The likelihood of test images, from more of them than `vae-tui evaluate` takes, and how sure the figures are.

`python -m tests.benchmarks.bounds RUN [--data-dir DIR] [--images N] [--samples K] [--seed S]`, where RUN is a folder.
Minus the bounds in nats, each with the standard error of its mean over images; `vae-tui evaluate` adds the gain of 100
images to the ELBO of all.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from torch import Tensor

from core.data import registry
from core.evaluation.likelihood import elbo, importance_bounds
from core.evaluation.measuring.reference import evenly
from core.explorer.session import RunSession
from core.runs.run import Run


def said(values: Tensor) -> str:
    """The mean of values (N,), its standard error and their number."""
    error = float(values.std()) / len(values) ** 0.5
    return f"{float(values.mean()):.2f} ± {error:.2f} ({len(values):,} images)"


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--data-dir", type=Path, default=registry.default_data_dir())
    parser.add_argument("--images", type=int, default=1_000)
    parser.add_argument("--samples", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args(arguments)
    session = RunSession(Run(chosen.run), chosen.data_dir.absolute())
    generator = torch.Generator().manual_seed(chosen.seed)
    with session.newest(print) as model:
        images = session.image_set().validation_images
        lower = elbo(model, images, generator)
        bounds = importance_bounds(model, evenly(images, chosen.images), chosen.samples, generator)
    gain = bounds.importance_weighted - bounds.elbo
    print(f"-ELBO {said(-lower)}")
    print(f"gain of {chosen.samples:,} posterior samples over one {said(gain)}")
    print(f"-bound, by the gain {float(-lower.mean() - gain.mean()):.2f}")
    print(f"-bound, of these images alone {said(-bounds.importance_weighted)}")


if __name__ == "__main__":
    main()
