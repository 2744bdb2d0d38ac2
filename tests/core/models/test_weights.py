"""Weights as bytes say after which epoch they were saved, and bytes that hold no model are refused with their file."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
import safetensors.torch
import torch

from core.errors import DamagedFile
from core.models.autoencoder import MODELS
from core.models.denoiser import Denoiser
from core.models.weights import epoch_of, first_line, load_autoencoder, load_denoiser, metadata_of, weights_to_bytes
from core.shapes import LATENT_SHAPE

FILE = Path("a-run/model.safetensors")


@pytest.mark.parametrize(("metadata", "epoch"), [({"epoch": 12}, 12), ({}, None), ({"epoch": "-1"}, None)])
def test_weights_say_after_which_epoch_they_were_saved(metadata: dict[str, object], epoch: int | None) -> None:
    assert epoch_of(weights_to_bytes(MODELS["ae"]().state_dict(), {"latent_scale": 1.0} | metadata)) == epoch


def test_24_the_same_weights_are_the_same_bytes() -> None:
    weights = MODELS["ae"]().state_dict()
    metadata: dict[str, object] = {
        name: f"{name} \xe9\u2713" for name in ("preset", "epoch", "step", "scale", "a", "b")
    }
    (content,) = {weights_to_bytes(weights, dict(random.sample(list(metadata.items()), 6))) for _ in range(20)}
    assert int.from_bytes(content[:8], "little") % 8 == 0, "the numbers are aligned"
    assert metadata_of(content) == metadata
    read = safetensors.torch.load(content)
    assert read.keys() == weights.keys()
    assert all(torch.equal(read[name], weights[name]) for name in weights)
    assert weights_to_bytes(weights, {}) == weights_to_bytes(weights, {})


@pytest.mark.parametrize("preset", MODELS)
def test_a_model_comes_back_with_its_latent_scale(preset: str) -> None:
    model = MODELS[preset]()
    loaded = load_autoencoder(weights_to_bytes(model.state_dict(), {"latent_scale": 0.5}), preset, FILE)
    assert loaded.latent_scale == 0.5
    assert not loaded.training
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), loaded.parameters(), strict=True))


@pytest.mark.parametrize("scale", ["0", "-1", "inf", "nan"])
def test_a_latent_scale_that_is_none_is_refused(scale: str) -> None:
    with pytest.raises(DamagedFile, match=r"model\.safetensors: holds a latent scale that is not a positive number"):
        load_autoencoder(weights_to_bytes(MODELS["ae"]().state_dict(), {"latent_scale": scale}), "ae", FILE)


@pytest.mark.parametrize("frequency", [-0.1, 0.0])
def test_class_frequencies_that_are_none_are_refused(frequency: float) -> None:
    denoiser = Denoiser()
    denoiser.class_shares.fill_(frequency)
    with pytest.raises(DamagedFile, match=r"model\.safetensors: holds no class frequencies"):
        load_denoiser(weights_to_bytes(denoiser.state_dict(), {"latent_scale": 1.0}), LATENT_SHAPE, FILE)


def test_what_only_announces_the_next_line_is_told_with_it() -> None:
    said = RuntimeError("Error(s) in loading state_dict for VariationalAutoencoder:\n\tMissing key(s)\n\tmore")
    assert first_line(said) == "Error(s) in loading state_dict for VariationalAutoencoder: Missing key(s)"
    assert first_line(ValueError("one\ntwo")) == "one"
