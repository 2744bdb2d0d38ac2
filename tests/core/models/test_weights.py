"""Weights as bytes say after which epoch they were saved, and bytes that hold no model are refused with their file."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from core.errors import DamagedFile
from core.models.autoencoder import MODELS
from core.models.denoiser import Denoiser
from core.models.weights import epoch_of, load_autoencoder, load_denoiser, weights_to_bytes

FILE = Path("a-run/model.safetensors")


@pytest.mark.parametrize(("metadata", "epoch"), [({"epoch": 12}, 12), ({}, None), ({"epoch": "-1"}, None)])
def test_weights_say_after_which_epoch_they_were_saved(metadata: dict[str, object], epoch: int | None) -> None:
    assert epoch_of(weights_to_bytes(MODELS["ae"]().state_dict(), {"latent_scale": 1.0} | metadata)) == epoch


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
        load_denoiser(weights_to_bytes(denoiser.state_dict(), {"latent_scale": 1.0}), FILE)
