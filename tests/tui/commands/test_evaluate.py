"""vae-tui evaluate: a table for people, JSON for programs, one line for what is wrong."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from core.evaluation.results import METRIC_DESCRIPTIONS
from core.runs.config import make_config
from core.runs.run import Run
from tests.conftest import cut_digits, make_trained_run
from tui import evaluation_table
from tui.cli import main

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two trained runs in it, one without weights, and one with broken ones."""
    folder = tmp_path_factory.mktemp("runs")
    for preset in ("ae", "vae"):
        make_trained_run(folder / "checkpoints", preset)
    Run.create(folder / "checkpoints", "new", make_config(dataset="mnist-5k"))
    Run.create(folder / "checkpoints", "broken", make_config(dataset="mnist-5k")).write_weights(b"no weights")
    return folder


@pytest.fixture
def call(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """Runs vae-tui evaluate in the folder of the runs with few images and few samples of the posterior."""
    few = cut_digits(500, 200)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("VAE_TUI_DATA", str(folder / "data"))
    monkeypatch.setattr("core.data.images.load_image_set", lambda name, place=None: few)
    monkeypatch.setattr("core.evaluation.evaluate.IMPORTANCE_SAMPLES", 20)
    monkeypatch.setattr("core.evaluation.evaluate.IMPORTANCE_IMAGES", 3)

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["vae-tui", "evaluate", *arguments])
        with pytest.raises(SystemExit) as end:
            main()
        output = capsys.readouterr()
        return int(end.value.code or 0), output.out, output.err

    return run


def test_a_table_has_each_figure_its_spread_and_its_meaning(call: Call) -> None:
    status, output, errors = call("vae", "--samples", "200", "--seeds", "2")
    assert (status, errors) == (0, "")
    table, classes, last = output.split("\n\n")
    heading, columns, *rows = table.splitlines()
    assert heading == "vae: 200 samples from the prior N(0, I), 2 seeds, mnist-5k"
    assert columns.split() == ["metric", "value", "±", "meaning"]
    assert len(rows) == len(METRIC_DESCRIPTIONS)
    for row, (name, meaning) in zip(rows, METRIC_DESCRIPTIONS.items(), strict=True):
        assert row.startswith(name.replace("_", " "))
        assert row.rstrip().endswith(meaning)
    assert last.startswith("classifier: 99.")
    *says, titles = classes.splitlines()[:-10]
    of_classes = classes.splitlines()[-10:]
    assert "drawn: how many of the images, of their reconstructions and of the samples" in " ".join(says)
    assert all(len(line) <= 80 for line in says)
    assert titles.split() == ["class", "images", "error", "KL", "recognised", "rebuilt", "drawn"]
    assert [line.split()[0] for line in of_classes] == list("0123456789")
    assert all(line.split()[-1] == "–" for line in of_classes)
    assert "\x1b" not in output


def test_json_has_the_same_for_programs(call: Call) -> None:
    status, output, errors = call("vae", "--samples", "150", "--seeds", "2", "--sampler", "full", "--json")
    assert (status, errors) == (0, "")
    content = json.loads(output)
    assert set(content) == set(METRIC_DESCRIPTIONS) | {
        "run",
        "epoch",
        "sampler",
        "wish",
        "samples",
        "dataset",
        "classifier",
        "seeds",
        "classes",
        "asked",
        "left_out",
        "likelihood",
    }
    assert content["run"] == "vae"
    assert (content["sampler"], content["samples"], content["dataset"]) == ("full", 150, "mnist-5k")
    assert content["likelihood"] == "gaussian"
    assert content["iwae"]["mean"] > content["elbo"]["mean"]
    assert content["frechet_samples"]["n"] == 2


def test_an_autoencoder_is_sampled_from_a_fitted_gaussian_and_has_no_likelihood(call: Call) -> None:
    status, output, _ = call("ae", "--samples", "100", "--seeds", "1")
    assert status == 0
    assert output.startswith("ae: 100 samples from a Gaussian for each latent number, 1 seed, mnist-5k\n")
    assert [line for line in output.splitlines() if line.startswith(("elbo", "iwae"))] == [evaluation_table.POINT]


def test_what_was_not_measured_for_want_of_images_is_one_line_that_says_why(
    call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = replace(cut_digits(60, 5), name="folder:few")
    monkeypatch.setattr("core.data.images.load_image_set", lambda name, place=None: few)
    status, output, _ = call("vae", "--samples", "100", "--seeds", "1", "--again")
    assert status == 0
    table = output.split("\n\n")[0].splitlines()
    assert [line.split("  ")[0] for line in table[2:]] == ["test squared error", "elbo", "iwae", "active units"]
    assert "mean of at most 100 validation images" in output
    assert "recognised, rebuilt" not in output  # nothing is labelled
    last = output.splitlines()[-1]
    assert last.startswith(
        "Fréchet distance, precision, recall, confidence, class balance and authenticity are left out: "
    )
    assert "60 images to train on are too few" in last


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["vae", "--sampler", "flow"], "sampler must be one of prior, gaussian, full, mixture, not 'flow'"),
        (["vae", "--samples", "99"], "samples must be a whole number from 100 to 100000, not '99'"),
        (["vae", "--samples", "many"], "samples must be a whole number from 100 to 100000, not 'many'"),
        (["vae", "--seeds", "0"], "seeds must be a whole number from 1 to 100, not '0'"),
        (["nothing"], "no run named 'nothing'"),
        (["new"], "new has no weights yet: the trainer saves them soon after it starts"),
        (["broken"], "broken: model.safetensors: holds no vae model"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(call: Call, arguments: list[str], said: str) -> None:
    status, output, errors = call(*arguments)
    assert (status, output) == (2, "")
    assert errors.count("\n") == 1
    assert said in errors


def test_images_that_were_held_out_are_not_passed_off_as_test_images(call: Call, folder: Path) -> None:
    run = Run.create(folder / "checkpoints", "held", make_config(preset="ae", dataset="mnist-5k", holdout=100))
    run.write_weights(Run(folder / "checkpoints" / "ae").read_weights())
    status, _, errors = call("held", "--samples", "100", "--seeds", "1")
    assert status == 0
    assert errors == "in place of test images: 100 that were held out of the training images\n"


def test_the_options_of_a_learned_prior_are_named_among_the_conditions() -> None:
    options = {"guidance": 2.0, "steps": 10}
    shown = evaluation_table.conditions("learned", 10_000, 3, "mnist", options)
    assert shown == "10,000 samples from the learned prior (guidance 2, steps 10), 3 seeds, mnist"


def test_what_was_measured_is_kept_and_measured_again_only_when_asked(
    call: Call, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = "vae", "--samples", "300", "--seeds", "1"
    first = call(*words)
    kept = json.loads((folder / "checkpoints" / "vae" / "evaluation.json").read_bytes())["results"][0]
    assert kept["seeds"] == [*range(kept["evaluation"]["seeds"])]
    assert kept["evaluation"]["samples"] == 300

    class Measured(Exception):
        pass

    def measure(*arguments: object) -> None:
        raise Measured

    monkeypatch.setattr("core.explorer.queries.evaluate", measure)
    assert call(*words) == first
    for others in ((*words, "--again"), ("vae", "--samples", "301", "--seeds", "1")):
        with pytest.raises(Measured):
            call(*others)
