"""Weights that the post's own code trained become a run."""

from __future__ import annotations

import pickle
import random
import warnings
import zipfile
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from core.errors import DamagedFile, RunError
from core.exchange.importing import import_run, read_weights, renamed
from core.jobs.launch import prepare_resume
from core.models.autoencoder import MODELS
from core.models.weights import IMPORTED, load_autoencoder, metadata_of, weights_to_bytes
from core.runs.run import Run
from core.runs.status import State
from core.training import checkpoint
from tests.conftest import cut_digits
from tests.support.hostile import archived, mutated
from tests.support.trainers import train


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
    run = import_run(places, {"preset": "vae-post", "dataset": "mnist-5k"}, tmp_path, None)
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


def test_training_goes_on_from_the_imported_weights(make_run: Callable[..., Run], tmp_path: Path) -> None:
    images, given = cut_digits(200, 100), {"dataset": "mnist-5k", "batch_size": 50, "device": "cpu"}
    trained = make_run("trained", likelihood="bernoulli", epochs=4, batch_size=50)
    before = train(trained, images)
    imported = import_run([trained.weights_path()], {"preset": "vae", **given}, tmp_path, None)
    assert imported.config().beta == 1  # as of runs that are made with this likelihood
    with pytest.raises(RunError, match=r"imported from model\.safetensors; go on with --epochs"):
        prepare_resume(imported)
    prepare_resume(imported, epochs=1)
    after = train(imported, images, epochs=1, boundaries=0)
    for name, tensor in before.model.state_dict().items():
        assert torch.equal(after.model.state_dict()[name], tensor), name
    assert metadata_of(imported.read_weights())[IMPORTED] == "model.safetensors"
    train(imported, images)
    assert metadata_of(imported.read_weights())[IMPORTED] == "model.safetensors"
    assert metadata_of(imported.read_weights())["epoch"] == "1"


@pytest.mark.parametrize("content", [b"", b"\x05\0\0\0\0\0\0\0{bad}", b"\x02\0\0\0\0\0\0\0[]", b"\xff" * 40])
def test_training_goes_on_where_the_file_of_weights_is_damaged(make_run: Callable[..., Run], content: bytes) -> None:
    run, images = make_run(batch_size=20), cut_digits(100, 50)
    train(run, images, boundaries=1)
    run.weights_path().write_bytes(content)
    assert train(run, images, boundaries=1).step == 2


def test_an_import_of_before_is_not_trained_over(tmp_path: Path, halves: tuple[Layers, Layers]) -> None:
    """They came without a state, and a new training would have written over them."""
    torch.save({"encoder": halves[0].state_dict(), "decoder": halves[1].state_dict()}, tmp_path / "w.pt")
    run = import_run([tmp_path / "w.pt"], {"preset": "vae-post", "dataset": "mnist-5k"}, tmp_path, None)
    run.state_path.unlink()
    with pytest.raises(DamagedFile, match="is missing: training cannot go on"):
        prepare_resume(run, epochs=3)


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


@pytest.mark.filterwarnings("ignore:torch.quantize_per_tensor")
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
    assert refusal({"state_dict": cyclic()}).endswith("by the names of a model's parameters")
    assert refusal({"encoder": {"a": 1}, "decoder": {}}).endswith("by the names of a model's parameters")
    name = "encoder.layers.0.0._conv.weight"
    for reason, kind in KINDS.items():
        assert f"weight {reason}" in refusal(state | {name: kind(state[name])})


KINDS: dict[str, Callable[[Tensor], Tensor]] = {
    "has no numbers": lambda tensor: tensor.to("meta"),
    "is sparse": Tensor.to_sparse,
    "is complex": lambda tensor: tensor + 1j,
    "is quantized": lambda tensor: torch.quantize_per_tensor(tensor, 0.1, 0, torch.qint8),
    "is int32 and not float32": lambda tensor: tensor.to(torch.int32),
}


def cyclic() -> dict[str, object]:
    found: dict[str, object] = {}
    found["model"] = found
    return found


def test_half_an_autoencoder_is_called_that(halves: tuple[Layers, Layers], tmp_path: Path) -> None:
    places = dict(zip(("encoder", "decoder"), (tmp_path / "a.pt", tmp_path / "b.pt"), strict=True))
    for place, half in zip(places.values(), halves, strict=True):
        torch.save(half.state_dict(), place)
    named = tmp_path / "c.pt"
    torch.save({f"encoder.{name}": each for name, each in halves[0].state_dict().items()}, named)
    for given, said in (
        ([places["encoder"]], "a.pt: this is the encoder only; give the decoder too"),
        ([named], "c.pt: this is the encoder only; give the decoder too"),
        ([places["decoder"]], "b.pt: this is the decoder only; give the encoder too"),
        ([places["encoder"], named], "c.pt: this is the encoder as well; give the decoder too"),
    ):
        with pytest.raises(DamagedFile) as caught:
            read_weights(given, "vae-post")
        assert str(caught.value) == said
    forth, back = (read_weights(order, "vae-post") for order in (list(places.values()), list(places.values())[::-1]))
    assert all(torch.equal(forth[name], back[name]) for name in forth)


def test_a_file_whose_instructions_make_no_sense_or_that_unfolds_to_too_much_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoint, "TENSORS_LIMIT", 1 << 16)
    path = tmp_path / "w.pt"
    bomb = archived(pickle.dumps({}, 2), zipfile.ZIP_DEFLATED, _0=bytes(1 << 17))
    many = b"PK\3\4" + b"PK\1\2" * (checkpoint.MOST_RECORDS + 1)
    for content, said in (
        (archived(b"\x80\x02a."), "pop from empty list"),
        (bomb, "it unfolds to too much"),
        (many, "it lists too much"),
    ):
        path.write_bytes(content)
        with pytest.raises(DamagedFile, match=f"it is no file of tensors: .*{said}"):
            read_weights([path], "ae")


@pytest.mark.parametrize("count", [100, pytest.param(1000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("suffix", [".pt", ".safetensors", ".pickle"])
def test_damaged_weights_are_refused_or_are_weights(suffix: str, count: int, tmp_path: Path) -> None:
    """Some bytes are changed, cut or moved: an error in one line or a model's weights, and never anything else."""
    chance = random.Random(0)
    torch.manual_seed(0)
    state, path = MODELS["ae"]((1, 2), 1).state_dict(), tmp_path / f"w{suffix}"
    if suffix == ".safetensors":
        path.write_bytes(weights_to_bytes(state, {"preset": "ae"}))
    else:
        torch.save(state, path, _use_new_zipfile_serialization=suffix == ".pt")
    content, refused = path.read_bytes(), 0
    assert read_weights([path], "ae").keys() == state.keys()
    for _ in range(count):
        path.write_bytes(mutated(content, chance))
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            try:
                read = read_weights([path], "ae")
            except DamagedFile as error:
                refused += 1
                assert "\n" not in str(error) and len(str(error)) < 330
            else:
                assert [each.shape for each in read.values()] == [each.shape for each in state.values()]
    assert refused > 0.2 * count  # of the old format often all: what it holds depends on addresses
    assert [*tmp_path.iterdir()] == [path]
