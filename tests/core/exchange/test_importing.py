"""Weights that the post's own code trained become a run."""

from __future__ import annotations

import pickle
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from core.errors import DamagedFile
from core.exchange.importing import import_run, read_weights, renamed
from core.models.weights import load_autoencoder
from core.runs.config import make_config
from core.runs.status import State


class Block(nn.Module):
    """A convolution, its normalisation and its activation, under the names that the post gives them."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self._conv = nn.Conv2d(channels_in, channels_out, 3, padding="same")
        self._norm = nn.BatchNorm2d(channels_out)

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.leaky_relu(self._norm(self._conv(x)))


class Layers(nn.Module):
    """Layers in a list of that name."""

    def __init__(self, layers: list[nn.Sequential]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = layer(x)
        return x


def post_encoder(*features: int) -> Layers:
    layers = []
    for level, (one, two) in enumerate(pairwise(features)):
        layers.append(nn.Sequential(*([nn.MaxPool2d(2)] if level else []), Block(one, two), Block(two, two)))
    return Layers(layers)


def post_decoder(*features: int) -> Layers:
    layers, last = [], len(features) - 2
    for level, (one, two) in enumerate(pairwise(features)):
        up = [nn.Upsample(scale_factor=2), Block(one, one)] if level else []
        end = nn.Conv2d(one, two, 1, padding="same") if level == last else Block(one, two)
        layers.append(nn.Sequential(*up, Block(one, one), end))
    return Layers(layers)


@pytest.fixture
def halves() -> tuple[Layers, Layers]:
    """The post's encoder of its VAE and its decoder, as after some steps."""
    torch.manual_seed(0)
    encoder, decoder = post_encoder(1, 8, 16, 32, 8), post_decoder(4, 32, 16, 8, 1)
    with torch.no_grad():
        for half, shape in ((encoder, (8, 1, 32, 32)), (decoder, (8, 4, 4, 4))):
            for _ in range(3):
                half(torch.rand(shape))
    return encoder.eval(), decoder.eval()


def test_a_run_decodes_what_the_imported_model_does(halves: tuple[Layers, Layers], tmp_path: Path) -> None:
    encoder, decoder = halves
    places = tmp_path / "encoder.pt", tmp_path / "decoder.pt"
    torch.save(encoder.state_dict(), places[0])
    torch.save(decoder.state_dict(), places[1])
    run = import_run(places, make_config(preset="vae-post", dataset="mnist-5k"), tmp_path, None)
    assert run.name == "vae-post-imported"
    assert run.status().state is State.FINISHED
    assert run.status().reason == "its weights were imported from encoder.pt and decoder.pt"
    model = load_autoencoder(run.read_weights(), "vae-post", run.weights_path())
    x = torch.rand(5, 1, 32, 32)
    with torch.no_grad():
        mean, sigma = encoder(x).chunk(2, dim=1)
        found = model.encode(x)
        assert torch.equal(found.mean, mean)
        torch.testing.assert_close(found.variance(), sigma.square().clamp(min=1e-6))
        assert torch.equal(model.decode(mean), decoder(mean))


@pytest.mark.parametrize("wrap", ["one", "two", "checkpoint", "parallel"])
def test_both_halves_may_lie_in_one_file(halves: tuple[Layers, Layers], tmp_path: Path, wrap: str) -> None:
    encoder, decoder = (half.state_dict() for half in halves)
    whole = {f"encoder.{name}": each for name, each in encoder.items()}
    whole |= {f"decoder.{name}": each for name, each in decoder.items()}
    saved: dict[str, Any] = {
        "one": whole,
        "two": {"encoder": encoder, "decoder": decoder},
        "checkpoint": {"epoch": 3, "state_dict": whole},
        "parallel": {f"module._orig_mod.{name}": each for name, each in whole.items()},
    }
    torch.save(saved[wrap], tmp_path / "w.pth")
    found = read_weights([tmp_path / "w.pth"], "vae-post")
    assert torch.equal(found["encoder.1.2.0.weight"], encoder["layers.1.2._conv.weight"])
    assert torch.equal(found["decoder.3.3.bias"], decoder["layers.3.3.bias"])


def test_names_of_the_post_are_ours_by_another_spelling() -> None:
    assert renamed("encoder.layers.0.1._norm.running_mean") == "encoder.0.1.1.running_mean"
    assert renamed("layers.0.1._conv.bias") == "0.1.0.bias"
    assert renamed("encoder.1.2.0.weight") == "encoder.1.2.0.weight"


class Hostile:
    def __reduce__(self) -> tuple[Any, ...]:
        return exec, ("raise RuntimeError('executed')",)


def test_what_does_not_fit_is_said_in_a_line(halves: tuple[Layers, Layers], tmp_path: Path) -> None:
    path = tmp_path / "w.pt"
    state = {f"encoder.{name}": each for name, each in halves[0].state_dict().items()}
    state |= {f"decoder.{name}": each for name, each in halves[1].state_dict().items()}

    def refusal(saved: object, preset: str = "vae-post") -> str:
        torch.save(saved, path)
        with pytest.raises(DamagedFile) as caught:
            read_weights([path], preset)
        return str(caught.value)

    short = {name: each for name, each in state.items() if name != "decoder.layers.3.3.bias"}
    assert refusal(short) == "w.pt: it holds no vae-post model: decoder.3.3.bias is missing"
    assert "encoder.3.1.0.weight is (8, 32, 3, 3) and not (4, 32, 3, 3)" in refusal(state, "ae")
    assert "head.weight, head.bias are missing" in refusal(state, "vae")
    assert "classes.weight is unknown" in refusal(state | {"classes.weight": torch.ones(2)})
    assert "not finite" in refusal(state | {"decoder.layers.3.3.bias": torch.full((1,), torch.nan)})
    assert "it holds no state dict" in refusal([1, 2])
    assert "save model.state_dict() instead" in refusal({"model": Hostile()})
    path.write_bytes(pickle.dumps(Hostile()))
    with pytest.raises(DamagedFile, match=r"w\.pt"):
        read_weights([path], "ae")
    path.write_bytes(b"PK\3\4 no archive")
    with pytest.raises(DamagedFile, match="it is no file of tensors"):
        read_weights([path], "ae")
