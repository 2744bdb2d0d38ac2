"""What the encoder makes of given images, as arrays; and the commands that take runs out and in."""

from __future__ import annotations

import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn.functional import pad
from typer.testing import CliRunner

from core.data.own import given
from core.errors import DataError
from core.models.weights import load_autoencoder
from core.runs.run import Run
from tests.conftest import CHECKPOINTS
from tui.command_line import command_line

RUN = Run(CHECKPOINTS / "vae-mnist")


@pytest.fixture
def images() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (3, 28, 28), np.uint8)


def save_png(path: Path, image: np.ndarray) -> None:
    """A grey picture, by the format's own description."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    rows = b"".join(b"\0" + row.tobytes() for row in image)
    header = struct.pack(">2I5B", image.shape[1], image.shape[0], 8, 0, 0, 0, 0)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    )


def invoke(*words: object) -> str:
    done = CliRunner().invoke(command_line(), [str(word) for word in words])
    assert done.exit_code == 0, done.exception
    return done.output


def test_latents_are_those_of_the_model_and_pictures_keep_their_paths(images: np.ndarray, tmp_path: Path) -> None:
    for place, image in zip(("a/one.png", "a/two.png", "b/three.png"), images, strict=True):
        save_png(tmp_path / "pictures" / place, image)
    out = tmp_path / "z.npz"
    said = invoke("encode", "vae-mnist", tmp_path / "pictures", "--out", out, "--runs-dir", CHECKPOINTS)
    assert said == f"wrote the posteriors of 3 images to {out}: means, deviations, paths\n"
    found = np.load(out)
    model = load_autoencoder(RUN.read_weights(), "vae", RUN.weights_path())
    with torch.no_grad():
        posterior = model.encode(pad(torch.from_numpy(images), (2,) * 4).unsqueeze(1) / 255)
    np.testing.assert_allclose(found["means"], posterior.mean.flatten(1), atol=1e-4)
    np.testing.assert_allclose(found["deviations"], posterior.variance().sqrt().flatten(1), rtol=1e-3)
    assert found["paths"].tolist() == ["a/one.png", "a/two.png", "b/three.png"]


def test_images_may_be_one_picture_an_archive_or_idx_files(images: np.ndarray, tmp_path: Path) -> None:
    save_png(tmp_path / "one.png", images[0])
    np.savez(tmp_path / "set.npz", images=images)
    idx = tmp_path / "idx"
    idx.mkdir()
    header = bytes([0, 0, 8, 3]) + struct.pack(">3I", *images.shape)
    (idx / "train-images-idx3-ubyte").write_bytes(header + images.tobytes())
    one, archive, files = (given.read(path) for path in (tmp_path / "one.png", tmp_path / "set.npz", idx))
    assert np.array_equal(one.images, images[:1])
    assert one.names == ["one.png"]
    assert np.array_equal(archive.images, images)
    assert np.array_equal(files.images, images)
    assert archive.names == files.names == ["0", "1", "2"]
    np.savez(tmp_path / "set.npz", x_train=images[:2], x_test=images[2:])
    assert given.read(tmp_path / "set.npz").names == ["train:0", "train:1", "validation:0"]


def test_how_pictures_are_read_may_be_said(images: np.ndarray, tmp_path: Path) -> None:
    for place, image in zip(("one.png", "two.png"), (images[0], np.pad(images[1], ((0, 0), (0, 28)))), strict=True):
        save_png(tmp_path / "pictures" / place, image)
    (tmp_path / "pictures" / "three.png").write_bytes(b"no picture")
    out, words = tmp_path / "z.npz", ("encode", "vae-mnist", tmp_path / "pictures", "--runs-dir", CHECKPOINTS)
    refused = CliRunner().invoke(command_line(), [*map(str, words)]).exception
    assert "three.png (no picture); take them out, or say --damaged skip" in str(refused)
    invoke(*words, "--damaged", "skip", "--out", out)
    cropped = np.load(out)
    out.unlink()
    assert cropped["paths"].tolist() == ["one.png", "two.png"]
    said = invoke(*words, "--damaged", "skip", "--fit", "squeeze", "--out", out)
    assert "1 of the 3 pictures cannot be decoded and is left out: three.png (no picture)" in said
    same = (np.load(out)["means"] == cropped["means"]).all(axis=1)
    assert same.tolist() == [True, False]
    wrong = CliRunner().invoke(command_line(), [*map(str, words), "--damaged", "x"]).exception
    assert "damaged must be one of refuse or skip" in str(wrong)


def test_what_holds_no_images_is_said_in_a_line(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "a.png").write_bytes(b"no picture")
    (tmp_path / "a.txt").write_text("words")
    cases = {
        "empty": "has no pictures",
        "a.png": "a.png cannot be used: no picture",
        "a.txt": "neither",
        "none": "none does not exist",
    }
    for name, reason in cases.items():
        with pytest.raises(DataError, match=reason):
            given.read(tmp_path / name)


def test_commands_pack_unpack_and_import(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    said = invoke("pack", "vae-mnist", "--runs-dir", CHECKPOINTS)
    assert "on another machine: vae-tui unpack vae-mnist.vae-run" in said
    assert invoke("pack", "vae-mnist", "--runs-dir", CHECKPOINTS) == said  # over the one before
    said = invoke("unpack", "vae-mnist.vae-run", "--name", "mine", "--runs-dir", tmp_path / "runs")
    assert said.startswith(f"mine is ready in {tmp_path / 'runs' / 'mine'}; look at it with: vae-tui mine")
    weights = tmp_path / "runs" / "mine" / "model.safetensors"
    said = invoke("import", weights, "--preset", "vae", "--dataset", "mnist-5k", "--runs-dir", tmp_path / "runs")
    assert said.startswith("vae-imported is ready in ")
    with zipfile.ZipFile(tmp_path / "damaged.vae-run", "w") as archive:
        archive.writestr("config.json", "{")
    for words, reason in {
        ("export", "mine", "--out", tmp_path, "--runs-dir", tmp_path / "runs"): "exists; name another one with --out",
        ("pack", "mine", "--out", tmp_path, "--runs-dir", tmp_path / "runs"): "that is a folder",
        ("encode", "mine", weights, "--out", "no/z.npz"): "there is no folder no",
        (
            "unpack",
            "vae-mnist.vae-run",
            "--name",
            "mine",
            "--runs-dir",
            tmp_path / "runs",
        ): "there is a run mine already",
        ("import", weights): "preset must say what the weights are of",
        ("encode", "mine", weights, "--out", "z.csv"): "out must end in .npz",
        ("import", "/dev/zero", "--preset", "ae"): "/dev/zero: is not a regular file",
        ("unpack", weights): f"{weights}: it is no packed run",
        ("unpack", tmp_path / "damaged.vae-run"): "damaged.vae-run: config.json in it cannot be read: ",
        ("complete", "mine", weights, "--runs-dir", tmp_path / "runs"): f"{weights}: no picture",
    }.items():
        assert reason in str(CliRunner().invoke(command_line(), [*map(str, words)]).exception)


def test_samples_are_arrays_with_their_latents_and_the_digit_asked_for(tmp_path: Path) -> None:
    for run, words, keys in (
        ("vae-mnist", (), {"images", "latents", "seed"}),
        ("prior-mnist", ("--digit", "3"), {"images", "latents", "seed", "labels"}),
    ):
        out = tmp_path / f"{run}.npz"
        invoke("sample", run, "--count", 4, "--seed", 7, *words, "--out", out, "--runs-dir", CHECKPOINTS)
        found = np.load(out)
        assert set(found) == keys
        assert found["images"].shape == (4, 28, 28)
        assert found["latents"].shape == (4, 64)
        assert found["seed"] == 7
        assert "labels" not in keys or found["labels"].tolist() == [3] * 4
