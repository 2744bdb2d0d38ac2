"""vae-tui reconstruct, sample and latent: what the screens show, on a terminal, in a pipe and in files."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core import data
from core.config import make_config
from core.run import Run
from core.training import Trainer
from tests.tui.terminal import Terminal

VAE_TUI = str(Path(sys.executable).with_name("vae-tui"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run of each kind in it, trained for some steps, and one without weights."""
    folder = tmp_path_factory.mktemp("runs")
    for preset in ("ae", "vae"):
        config = make_config(preset=preset, dataset="mnist-5k", epochs=1, batch_size=50, device="cpu")
        run = Run.create(folder / "checkpoints", preset, config)
        with run.open_metrics() as metrics:
            Trainer(run, data.load("mnist-5k"), "cpu", metrics).fit()
    Run.create(folder / "checkpoints", "new", make_config(dataset="mnist-5k"))
    return folder


@pytest.fixture
def call(folder: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs vae-tui in the folder of the runs with its output going to pipes."""
    environment = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "LC_ALL")}
    environment |= {"VAE_TUI_DATA": str(folder / "data"), "COLUMNS": "80", "TERM": "xterm-256color"}

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [VAE_TUI, *arguments]
        return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=100)

    return run


Call = Callable[..., subprocess.CompletedProcess[str]]


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_reconstructions_are_drawn_worst_first(call: Call) -> None:
    done = call("reconstruct", "ae", "--count", "5", "--order", "worst", "--class", "3")
    assert (done.returncode, done.stderr) == (0, "")
    heading, *lines = done.stdout.splitlines()
    assert heading == "ae: validation images, class 3, worst first"
    assert "\x1b" not in done.stdout
    assert len(lines) == 3 * 7 + 1
    assert any("█" in line or "▓" in line for line in lines)
    assert all(len(line) <= 80 for line in lines)
    labels_and_errors = lines[-1].split()
    assert labels_and_errors[::2] == ["3"] * 5
    errors = [float(error) for error in labels_and_errors[1::2]]
    assert errors == sorted(errors, reverse=True)


def test_a_table_of_reconstructions_has_every_image_and_its_error(call: Call, folder: Path) -> None:
    done = call("reconstruct", "vae", "--count", "1000", "--out", "errors.csv")
    assert (done.returncode, done.stdout) == (0, "written: errors.csv\n")
    table = rows(folder / "errors.csv")
    assert [int(row["index"]) for row in table] == list(range(1000))
    assert {row["class"] for row in table} == set("0123456789")
    assert all(float(row["squared_error"]) > 0 for row in table)


def test_the_same_seed_writes_the_same_bytes(call: Call, folder: Path) -> None:
    for name, seed in (("a", "3"), ("b", "3"), ("c", "4")):
        done = call("sample", "vae", "--seed", seed, "--out", f"{name}.png")
        assert (done.returncode, done.stdout) == (0, f"written: {name}.png\n")
    one, same, other = ((folder / f"{name}.png").read_bytes() for name in "abc")
    assert one == same != other
    with Image.open(folder / "a.png") as picture:
        assert picture.size == (4 * (8 * 29 - 1), 4 * (4 * 29 - 1))


@pytest.mark.parametrize(
    ("run", "arguments", "said"),
    [
        ("ae", [], "ae: samples from a Gaussian for each latent number, temperature 1, seed 0"),
        ("vae", ["--temperature", "0.5"], "vae: samples from the prior N(0, I), temperature 0.5, seed 0"),
        ("ae", ["--sampler", "mixture"], "ae: samples from a mixture of 10 Gaussians, temperature 1, seed 0"),
    ],
)
def test_samples_come_from_the_sampler_that_suits_the_run_or_the_one_that_is_named(
    call: Call, run: str, arguments: list[str], said: str
) -> None:
    done = call("sample", run, "--count", "8", *arguments)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[0] == said


def test_latents_are_drawn_as_digits_where_there_is_no_colour(call: Call) -> None:
    done = call("latent", "ae")
    assert (done.returncode, done.stderr) == (0, "")
    heading, *lines = done.stdout.splitlines()
    assert heading.startswith("ae: LDA of validation, held-out accuracy ")
    assert heading.endswith(", fitted to 4,000 of training")
    assert set("0123456789") <= set("".join(lines[1:20]))
    assert "\x1b" not in done.stdout
    assert all(len(line) <= 80 for line in lines)


def test_a_table_of_latents_has_the_axes_as_columns(call: Call, folder: Path) -> None:
    done = call("latent", "vae", "--projection", "dims", "--numbers", "5,9", "--set", "training", "--out", "z.csv")
    assert (done.returncode, done.stderr) == (0, "")
    table = rows(folder / "z.csv")
    assert list(table[0])[:2] == ["index", "class"]
    assert [name.split()[0] for name in list(table[0])[2:]] == ["z5", "z9"]
    assert len(table) == 4000


def test_a_picture_of_latents_replaces_an_old_file(call: Call, folder: Path) -> None:
    (folder / "plane.png").write_text("old")
    assert call("latent", "ae", "--projection", "pca", "--out", "plane.png").returncode == 0
    with Image.open(folder / "plane.png") as picture:
        assert np.asarray(picture.convert("L")).std() > 5


def test_on_a_terminal_there_are_colours_and_no_word_of_progress_stays(folder: Path) -> None:
    environment = os.environ | {"TERM": "xterm-256color", "COLORTERM": "truecolor", "LANG": "C.UTF-8"}
    environment.pop("NO_COLOR", None)
    with Terminal([VAE_TUI, "sample", "vae", "--count", "4"], folder, environment) as terminal:
        assert terminal.wait_for_end(60) == 0
        shown = terminal.read()
    assert "vae: samples from the prior" in shown
    assert "▀" in shown
    assert "loading PyTorch" not in shown


def test_an_output_that_nobody_reads_to_the_end_is_no_error_to_show(folder: Path) -> None:
    command = f"{VAE_TUI} sample vae --count 64 | head -n 1"
    done = subprocess.run(command, shell=True, cwd=folder, capture_output=True, text=True, timeout=100)
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["sample", "new"], "new has no weights yet: the trainer saves them soon after it starts"),
        (["sample", "ae", "--seed", "-1"], "seed must be a whole number from 0 to 4294967295, not '-1'"),
        (["sample", "ae", "--seed", "x"], "seed must be a whole number from 0 to 4294967295, not 'x'"),
        (["sample", "ae", "--temperature", "nan"], "temperature must be from 0 to 3, not nan"),
        (["sample", "ae", "--temperature", "9"], "temperature must be from 0 to 3, not 9"),
        (["sample", "ae", "--sampler", "foo"], "sampler must be one of prior, gaussian, full, mixture, not 'foo'"),
        (["sample", "ae", "--count", "0"], "count must be a whole number from 1 to 10000, not '0'"),
        (["sample", "ae", "--out", "x.pdf"], "out must end in .png or .csv, not 'x.pdf'"),
        (["sample", "ae", "--out", "none/x.png"], "out cannot be none/x.png: there is no folder none"),
        (["latent", "ae", "--projection", "foo"], "projection must be one of lda, pca, dims, not 'foo'"),
        (["latent", "ae", "--projection", "dims", "--numbers", "1"], "numbers must be two latent numbers such as 3,17"),
        (["latent", "ae", "--projection", "dims", "--numbers", "1,64"], "a whole number from 0 to 63, not '64'"),
        (["latent", "ae", "--numbers", "1,2"], "numbers go with --projection dims"),
        (["latent", "ae", "--set", "test"], "set must be one of validation, training, not 'test'"),
        (["reconstruct", "ae", "--class", "10"], "class must be a whole number from 0 to 9, not '10'"),
        (["reconstruct", "ae", "--order", "best"], "order must be one of index, worst, not 'best'"),
        (["reconstruct", "nothing"], "no run named 'nothing' in checkpoints; there is ae, new, vae"),
    ],
)
def test_bad_input_gets_one_line_and_exit_status_2(call: Call, arguments: list[str], message: str) -> None:
    refused = call(*arguments)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr.startswith("vae-tui: ")
    assert refused.stderr.count("\n") == 1
    assert message in refused.stderr


def test_damaged_weights_are_named_with_their_run(call: Call, folder: Path) -> None:
    run = Run.create(folder / "checkpoints", "broken", make_config(dataset="mnist-5k"))
    run.write_weights(b"garbage")
    refused = call("sample", "broken")
    assert refused.returncode == 2
    assert refused.stderr.startswith("vae-tui: broken: model.safetensors: holds no vae model: ")
    assert refused.stderr.count("\n") == 1
