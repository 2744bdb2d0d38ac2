"""What curves can show of a run, declared once: what it is called, and in which lines of the metrics it stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from core.runs.catalog import RunSummary
from core.runs.forks.choice import changed_settings
from core.runs.metrics.lines import KL_CHANNELS
from core.runs.settings import other_losses
from tui.messages import Snapshot


@dataclass(frozen=True)
class Quantity:
    """What a chart shows: the columns that it is in, and what each curve is called where it is not alone.

    Of what stands in step lines a validation may know another value (`val_` and the name).
    """

    title: str
    short_title: str
    source: Literal["steps", "epochs", "devices"] = "steps"
    columns: tuple[str, ...] = ()  # one of its own name, where there are none
    labels: tuple[str, ...] = ("train",)
    per_unit: float = 1.0  # of what the lines count in
    is_validated: bool = False
    needs_kl: bool = False
    smallest_is_best: bool = False
    is_set: bool = False  # and not measured: it has no noise that smoothing would take away


QUANTITIES: dict[str, Quantity] = {
    "loss": Quantity("loss", "loss", is_validated=True, smallest_is_best=True),
    "reconstruction": Quantity("squared error", "error", is_validated=True, needs_kl=True),
    "kl": Quantity("KL divergence, nats", "KL", is_validated=True, needs_kl=True),
    "frechet": Quantity(
        "Fréchet distance", "Fréchet", "epochs", labels=("measured",), needs_kl=False, smallest_is_best=True
    ),
    "learning_rate": Quantity("learning rate", "rate", labels=("as set",), is_set=True),
    "images_per_second": Quantity("images a second", "images/s"),
    "gradient_norm": Quantity("gradient norm", "gradient"),
    "active_units": Quantity("active latent numbers", "active", "epochs", labels=("validation",)),
    "kl_channels": Quantity(
        "KL of each channel, nats",
        "KL/channel",
        "epochs",
        KL_CHANNELS,
        tuple(f"channel {number}" for number in range(len(KL_CHANNELS))),
    ),
    "gpu_use": Quantity("GPU use, %", "GPU %", "devices", ("utilisation",), ("in use",)),
    "gpu_memory": Quantity("GPU memory, GB", "GPU GB", "devices", ("memory_used",), ("in use",), per_unit=1e9),
}
TITLES = {key: quantity.title for key, quantity in QUANTITIES.items()}
SHORT_TITLES = {key: quantity.short_title for key, quantity in QUANTITIES.items()}
OF_SEVERAL = {  # likelihoods
    "loss": "losses of different likelihoods, which do not compare",
    "reconstruction": "squared errors and cross-entropies, which do not compare",
}
USUAL_CHARTS = ("loss", "reconstruction", "kl", "frechet")


def columns_of(key: str) -> tuple[str, ...]:
    """The columns that a quantity is in."""
    return QUANTITIES[key].columns or (key,)


def has(snapshot: Snapshot, key: str) -> bool:
    """Whether a run has something to show of a quantity, or will have."""
    quantity = QUANTITIES[key]
    if quantity.needs_kl and not snapshot.summary.preset.has_kl:
        return False
    rows = getattr(snapshot, quantity.source)
    if quantity.source == "steps" and not len(rows["step"]):
        return True
    return bool(rows) and any(np.isfinite(rows[column]).any() for column in columns_of(key))


def likelihoods(snapshots: Sequence[Snapshot]) -> set[str]:
    """Those of the runs that learn images; latents, and images of a run whose settings are gone, are Gaussian."""
    configs = [None if each.summary.preset.learns_prior else each.summary.config for each in snapshots]
    return {config.likelihood if config else "gaussian" for config in configs}


def other_sums(left: RunSummary, right: RunSummary) -> str:
    """Why the losses of two runs do not compare; nothing where they do, or where settings are gone."""
    if left.config is None or right.config is None:
        return ""
    differing = changed_settings(left.config, right.config)
    return OF_SEVERAL["loss"] if "likelihood" in differing else other_losses(differing)


def titles(key: str, snapshots: Sequence[Snapshot]) -> tuple[str, str]:
    """What a quantity of these runs is called, in full and in short; both say where they do not compare."""
    found = likelihoods([snapshot for snapshot in snapshots if has(snapshot, key)])
    if key not in ("loss", "reconstruction") or found <= {"gaussian"}:
        return TITLES[key], SHORT_TITLES[key]
    if len(found) > 1:
        return OF_SEVERAL[key], f"{SHORT_TITLES[key]}, other sums"
    return ("cross-entropy, nats", "cross-entropy") if key == "reconstruction" else (TITLES[key], SHORT_TITLES[key])
