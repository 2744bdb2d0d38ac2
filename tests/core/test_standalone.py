"""What is exported of a run works with PyTorch alone, and as the model that was trained."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from core.errors import RunError
from core.exchange.importing import import_run
from core.models.weights import load_autoencoder
from core.runs.run import Run
from core.standalone import folder, model, onnx_files
from tests.conftest import cut_digits
from tests.support.models import load_model
from tests.support.trainers import train
from tui.command_line import command_line

CHECKPOINTS = Path(__file__).parents[2] / "checkpoints"
MakeRun = Callable[..., Run]
SHIPPED = [path for path in CHECKPOINTS.iterdir() if "prior" not in path.name and (path / "config.json").exists()]


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_the_exported_model_computes_what_the_trained_one_does(path: Path, tmp_path: Path) -> None:
    run, place = Run(path), tmp_path / "exported"
    assert {file.name for file in folder.write(run, place)} == {file.name for file in place.iterdir()}
    exported, trained = model.load(place / "model.safetensors"), load_model(run)
    x = torch.rand(3, 1, 32, 32)
    with torch.no_grad():
        mean, log_variance = exported.encode(x)
        expected = trained.encode(x)
        assert torch.equal(mean, expected.mean)
        assert (log_variance is None) == (expected.log_variance is None)
        if log_variance is not None and expected.log_variance is not None:
            assert torch.equal(log_variance, expected.log_variance)
        assert torch.equal(exported.decode(mean), trained.decode(mean))
    assert exported.latent_scale == pytest.approx(trained.latent_scale)
    card = (place / "README.md").read_text()
    assert run.config().dataset in card
    assert "draws new digits" in card
    assert "model.decode(mean)  # (B, 1, 32, 32), not clipped to [0, 1]" in card


def test_the_folder_needs_nothing_of_this_program(tmp_path: Path) -> None:
    done = CliRunner().invoke(
        command_line(), ["export", "vae-mnist", "--runs-dir", str(CHECKPOINTS), "--out", str(tmp_path / "e")]
    )
    assert done.exit_code == 0, done.output
    missing = "sys.modules.update(dict.fromkeys(('core', 'tui', 'numpy', 'safetensors')))"
    words = [sys.executable, "-c", f"import sys, runpy; {missing}; "
             "sys.path.insert(0, '.'); runpy.run_path('example.py')"]  # fmt: skip
    ran = subprocess.run(words, cwd=tmp_path / "e", capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    picture = (tmp_path / "e" / "samples.pgm").read_bytes()
    assert picture.startswith(b"P5 256 256 255\n")
    assert len(set(picture[15:])) > 100  # shades
    assert len((tmp_path / "e" / "model.py").read_text().splitlines()) < 120


def test_of_weights_that_were_imported_the_card_says_so_and_makes_nothing_up(tmp_path: Path) -> None:
    torch.save(load_model(Run(CHECKPOINTS / "ae-mnist")).state_dict(), tmp_path / "theirs.pt")
    run = import_run([tmp_path / "theirs.pt"], {"preset": "ae", "dataset": "mnist-5k"}, tmp_path / "runs", None)
    folder.write(run, tmp_path / "e")
    said = " ".join((tmp_path / "e" / "README.md").read_text().split())
    assert "imported by vae-tui from theirs.pt: how and on what it was trained is not known here" in said
    for made_up in ("trained by vae-tui", "mnist-5k", "epoch", "?", "losses"):
        assert made_up not in said
    assert (tmp_path / "e" / "LICENSE").read_bytes() == (CHECKPOINTS.parent / "LICENSE").read_bytes()


def test_weights_that_were_imported_and_trained_on_have_both_in_their_card(tmp_path: Path) -> None:
    torch.save(load_model(Run(CHECKPOINTS / "ae-mnist")).state_dict(), tmp_path / "theirs.pt")
    run = import_run([tmp_path / "theirs.pt"], {"preset": "ae", "dataset": "mnist-5k"}, tmp_path / "runs", None)
    for _ in range(2):
        train(run, cut_digits(100, 20), boundaries=1)
    folder.write(run, tmp_path / "e")
    said = " ".join((tmp_path / "e" / "README.md").read_text().split())
    assert "imported by vae-tui from theirs.pt" in said
    assert "is not known here, then trained by vae-tui on mnist-5k" in said


def test_the_card_names_the_error_that_the_losses_have(make_run: MakeRun, tmp_path: Path) -> None:
    for likelihood, error in {"gaussian": "squared error", "bernoulli": "cross-entropy"}.items():
        run = make_run(likelihood, likelihood=likelihood)
        train(run, cut_digits(100, 20), boundaries=1)
        folder.write(run, tmp_path / likelihood)
        assert f"({error} of an image" in (tmp_path / likelihood / "README.md").read_text()


def test_the_card_says_what_images_of_ones_own_are_and_not_where(make_run: MakeRun, tmp_path: Path) -> None:
    pictures, noise = tmp_path / "private", np.random.default_rng(0).integers(0, 255, (24, 28, 28), np.uint8)
    for number, image in enumerate(noise):
        place = pictures / ("anchor", "boat")[number % 2]
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(place / f"{number}.png")
    run = make_run("shapes", dataset="folder", data_dir=str(pictures), likelihood="bernoulli")
    train(run, cut_digits(100, 20), boundaries=1)

    def said(place: str) -> str:
        folder.write(run, tmp_path / place)
        return (tmp_path / place / "README.md").read_text()

    card = said("e")
    assert "trained by vae-tui on images of its user's own" in card
    assert "| images | a folder of pictures: 20 images to train on, 4 to validate on, 2 classes |" in card
    assert "model.decode(mean)  # (B, 1, 32, 32), pixels in [0, 1] already" in card
    for each in card, (tmp_path / "e" / "example.py").read_text():
        assert "images" in each
        for wrong in ("digits", "private", "dataset folder"):
            assert wrong not in each
    shutil.rmtree(pictures)
    assert "| images | a folder of pictures, which could not be read when this was written |" in said("gone")


def test_the_card_of_a_run_that_was_resumed_to_more_epochs_says_how_many(tmp_path: Path) -> None:
    shutil.copytree(CHECKPOINTS / "ae-mnist", tmp_path / "ae-mnist")
    run = Run(tmp_path / "ae-mnist")
    assert run.config().epochs != 1234
    run.write_status(run.last_status().model_copy(update={"epochs": 1234}))
    folder.write(run, tmp_path / "e")
    (settings,) = re.findall(r"\| settings \| (.*) \|", (tmp_path / "e" / "README.md").read_text())
    assert re.findall(r"epochs \d+", settings) == ["epochs 1234"]


def test_of_a_learned_prior_its_first_stage_is_exported(tmp_path: Path) -> None:
    given = ["prior-mnist", "--runs-dir", str(CHECKPOINTS), "--out", str(tmp_path / "e")]
    assert "the autoencoder whose latents it learns" in CliRunner().invoke(command_line(), ["export", *given]).output
    run, exported = Run(CHECKPOINTS / "prior-mnist"), model.load(tmp_path / "e" / "model.safetensors")
    trained = load_autoencoder(run.read_first_stage(), "vae", run.first_stage_path)
    z = torch.rand(2, 4, 4, 4)
    with torch.no_grad():
        assert torch.equal(exported.decode(z), trained.decode(z))
    said = (tmp_path / "e" / "README.md").read_text()
    assert "(vae) for images of 32x32 pixels with a latent of 4x4x4 numbers, the first stage of a learned prior" in said
    assert "losses" not in said


@pytest.mark.parametrize("name", ["ae-mnist", "vae-mnist", "vae-post-mnist", "prior-mnist"])
def test_onnxruntime_computes_what_pytorch_does_for_batches_of_any_size(name: str, tmp_path: Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnx")
    written = folder.write(Run(CHECKPOINTS / name), tmp_path / "e", onnx=True)
    assert {file.name for file in written} == {file.name for file in (tmp_path / "e").iterdir()}
    parts = ("encoder", "decoder")
    encoder, decoder = (onnxruntime.InferenceSession(tmp_path / "e" / f"{part}.onnx") for part in parts)
    exported = model.load(tmp_path / "e" / "model.safetensors")
    for count in (1, 5):
        images, latents = torch.rand(count, 1, 32, 32), torch.randn(count, 4, 4, 4)
        with torch.no_grad():
            expected = [each for each in exported.encode(images) if each is not None]
            expected.append(exported.decode(latents))
        encoded = encoder.run(None, {"images": images.numpy()})
        decoded = decoder.run(None, {"latents": latents.numpy()})
        if len(encoded) == 2:  # of vae-post, the logarithm of next to nothing
            encoded[1], expected[1] = np.exp(encoded[1] / 2), torch.exp(expected[1] / 2)
        for computed, right in zip([*encoded, *decoded], expected, strict=True):
            torch.testing.assert_close(torch.from_numpy(computed), right, rtol=1e-4, atol=1e-4)


def test_an_onnx_file_that_is_off_is_not_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnx")
    monkeypatch.setattr(onnx_files, "TOLERANCE", 0.0)
    with pytest.raises(RunError, match="off what PyTorch computes"):
        folder.write(Run(CHECKPOINTS / "ae-mnist"), tmp_path / "e", onnx=True)
    assert list(tmp_path.iterdir()) == []


def test_without_the_extra_onnx_files_say_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(onnx_files, "find_spec", lambda name: None)
    given = ["ae-mnist", "--runs-dir", str(CHECKPOINTS), "--out", str(tmp_path / "e"), "--onnx"]
    assert onnx_files.NEEDED in str(CliRunner().invoke(command_line(), ["export", *given]).exception)


def test_what_cannot_be_exported_says_why_and_leaves_nothing(make_run: MakeRun, tmp_path: Path) -> None:
    untrained = make_run("untrained", preset="ae")
    cases = [(untrained.path, tmp_path / "none", "has no weights yet"), (CHECKPOINTS / "vae-mnist", tmp_path, "exists")]
    for path, out, reason in cases:
        given = [path.name, "--runs-dir", str(path.parent), "--out", str(out)]
        assert reason in str(CliRunner().invoke(command_line(), ["export", *given]).exception)
    assert not (tmp_path / "none").exists()
