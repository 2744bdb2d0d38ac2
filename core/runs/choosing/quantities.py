"""What can be asked of a run, by name: its settings, and how far it came."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from core.errors import RunError

if TYPE_CHECKING:
    from core.runs.catalog import RunSummary

Value = float | str | tuple[str, ...] | None
Quantity = Callable[["RunSummary"], Value]


def _of(part: str, name: str) -> Quantity:
    """A field of the status or the configuration, where there is one."""
    return lambda run: getattr(getattr(run, part), name, None)


def state_word(run: RunSummary) -> str:
    """The state as people read it."""
    if run.gone:
        return "gone"
    return "damaged" if run.damage or run.state is None else run.state.value


def _parameters(run: RunSummary) -> int | None:
    """How many the model has that it trains; None where its settings are gone or only a newer version knows it."""
    try:
        return run.config.parameters if run.config else None
    except RunError:
        return None


def _likelihood(run: RunSummary) -> str | None:
    """That of the pixels; None as for parameters, and for a learned prior, which has none."""
    known = run.config and run.config.preset == run.preset.name and not run.preset.learns_prior
    return run.config.likelihood if run.config and known else None


def _summed(run: RunSummary) -> str | None:
    """What its losses are sums of: the latents that a prior learns, or the pixels with a likelihood."""
    if run.config is None:
        return None
    return "latents" if run.preset.learns_prior else run.config.likelihood


NUMBERS: Mapping[str, Quantity] = {
    "epoch": _of("status", "epoch"),
    "epochs": _of("status", "epochs"),
    "step": _of("status", "step"),
    "train_loss": lambda run: run.train_loss,
    "val_loss": lambda run: run.validation[1] if run.validation else None,
    "best": lambda run: run.best[1] if run.best else None,
    "size": lambda run: run.size,
    "frechet": lambda run: run.evaluation.frechet if run.evaluation else None,
    "parameters": _parameters,
    "images_per_second": _of("status", "images_per_second"),
    "age": lambda run: time.time() - run.changed if run.changed else None,
}
TEXTS: Mapping[str, Quantity] = {
    "run": lambda run: run.run.name,
    "preset": _of("config", "preset"),
    "dataset": _of("config", "dataset_title"),
    "likelihood": _likelihood,
    "state": state_word,
    "created": _of("config", "created"),
    "device": lambda run: getattr(run.status, "device", "") or getattr(run.config, "device", None),
    "host": lambda run: run.queued.host if run.queued else getattr(run.status, "host", None),  # or that it waits for
    "job": _of("status", "job"),
    "tags": lambda run: run.notes.tags,
    "note": lambda run: run.notes.note,
    "sampler": lambda run: run.evaluation.sampler if run.evaluation else None,
    "forked_from": lambda run: run.config.forked_from.run if run.config and run.config.forked_from else None,
    "error": lambda run: run.damage or getattr(run.status, "error", None),
}
# What a model is beside its preset, and what its loss is.
OF_MODEL: Mapping[str, Quantity] = {
    "parameters": _parameters,
    "likelihood": _likelihood,
    **{name: _of("config", name) for name in ("beta", "features", "latent_channels")},
}
ALIASES = {
    "name": "run",
    "fork": "forked_from",
    "tag": "tags",
    "data_set": "dataset",
    "train": "train_loss",
    "val": "val_loss",
    "rate": "learning_rate",
    "lr": "learning_rate",
    "batch": "batch_size",
}
# Values of these compare only where this is the same; runs are ordered by it first.
KINDS: Mapping[str, Quantity] = {
    "frechet": lambda run: run.evaluation.features if run.evaluation else None,
    **dict.fromkeys(("train_loss", "val_loss", "best"), _summed),
}
# What stands behind a number, and what it is multiplied by.
UNITS: Mapping[str, Mapping[str, float]] = {
    "age": {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400},
    "size": {"b": 1, "kb": 1e3, "mb": 1e6, "gb": 1e9},
}
SEARCHED = ("run", "preset", "dataset", "state", "tags", "note")  # what a mere word is looked for in


def quantity_names() -> list[str]:
    """All names, those of settings last."""
    from core.runs.settings import SETTINGS

    return list(dict.fromkeys([*TEXTS, *NUMBERS, *SETTINGS]))


def find_quantity(name: str) -> tuple[str, Quantity, bool]:
    """The name without its aliases, the quantity, and whether it is a number. Raises KeyError."""
    name = ALIASES.get(name, name)
    if name in NUMBERS:
        return name, NUMBERS[name], True
    if name in TEXTS:
        return name, TEXTS[name], False
    from core.runs.settings import SETTINGS, Settings

    if name not in SETTINGS:
        raise KeyError(name)
    numeric = Settings.model_fields[name].annotation in (int, float)
    return name, _of("config", name), numeric
