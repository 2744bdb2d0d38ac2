"""Autoencoders of any sizes: as many parameters as the form says, latents of that shape, and weights that say it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from core.errors import ConfigError, DamagedFile
from core.models.autoencoder import MODELS
from core.models.denoiser import Denoiser
from core.models.weights import load_autoencoder, load_denoiser, weights_to_bytes
from core.runs.architecture.presets import PRESETS
from core.runs.architecture.sizes import Sizes
from core.runs.config import check_values

FILE = Path("model.safetensors")
SIZES = [
    Sizes(),
    Sizes((8, 16, 32, 32, 32), 2),  # two numbers
    Sizes((12,), 1),
    Sizes((6, 10, 14, 70), 3),
]


@pytest.mark.parametrize("sizes", SIZES)
def test_a_model_has_the_shape_and_the_parameters_that_its_sizes_say(sizes: Sizes) -> None:
    for preset, kind in MODELS.items():
        model = kind((1, *sizes.features), sizes.latent_channels).eval()
        mean = model.encode(torch.rand(2, 1, 32, 32)).mean
        assert mean.shape == (2, *sizes.latent_shape) == (2, *model.latent_shape)
        assert model.decode(mean.flatten(1)).shape == (2, 1, 32, 32)
        assert sum(each.numel() for each in model.parameters()) == PRESETS[preset].count(sizes)
        loaded = load_autoencoder(weights_to_bytes(model.state_dict(), {}), preset, FILE)
        assert repr(loaded) == repr(model)
    denoiser = Denoiser(sizes.latent_shape)
    z = torch.randn(3, *sizes.latent_shape)
    assert denoiser(z, torch.rand(3), torch.tensor([0, 1, 2])).shape == z.shape
    assert sum(each.numel() for each in denoiser.parameters()) == PRESETS["prior"].count(sizes)
    content = weights_to_bytes(denoiser.state_dict(), {"latent_scale": 1.0})
    assert load_denoiser(content, sizes.latent_shape, FILE).latent_shape == sizes.latent_shape
    with pytest.raises(DamagedFile, match="no prior model"):
        load_denoiser(content, (sizes.latent_channels + 1, 4, 4), FILE)


def test_sizes_are_typed_as_a_list_and_kept_short() -> None:
    config = check_values(features="8, 16,016", latent_channels="2")
    assert (config.features, config.sizes.latent_shape, config.sizes.latent_size) == ("8,16,16", (2, 4, 4), 32)
    assert config.parameters == PRESETS["vae"].count(config.sizes)
    assert not {"features", "latent_channels"} & check_values().model_dump().keys()
    for wrong in ("", "8,", "0", "257", "8,16,32,32,32,32", "8;16", "eight", "-8"):
        with pytest.raises(ConfigError, match="features must be 1 to 5 numbers from 1 to 256 such as 8,16,32, not"):
            check_values(features=wrong)
    for features, channels in (("8,8,8,8,8", 1), ("8", 5)):
        with pytest.raises(ConfigError, match=r"has 2 to 1,024 numbers, not 1(,280)? numbers? \("):
            check_values(features=features, latent_channels=channels)
