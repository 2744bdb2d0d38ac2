"""The benchmarks run at a small size and measure what they say; no test here looks at a clock."""

from __future__ import annotations

import itertools
import json
import math
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from core.data.images import load_image_set, pixels
from core.evaluation.results import Evaluation, MeanStd
from tests.benchmarks import curves, latents, quality, rival, training, viewer
from tests.benchmarks.figures import Figure

CHECKOUT = Path(__file__).parents[2]


def assert_sound(figures: list[Figure]) -> None:
    assert figures
    assert len({figure.name for figure in figures}) == len(figures)
    for figure in figures:
        assert math.isfinite(figure.value), figure
        assert figure.value >= 0, figure


def test_the_rival_learns() -> None:
    images = pixels(load_image_set("mnist-5k").train_images[:256])
    steps = rival.train("vae", images, seed=0, batch_size=32)

    def error(model: torch.nn.Module) -> float:
        with torch.no_grad():
            return float(torch.nn.functional.mse_loss(model(images)[0], images))

    first = error(next(steps))
    *_, last = itertools.islice(steps, 24)
    assert error(last) < first / 2


@pytest.mark.slow
def test_training_is_measured_against_the_rival() -> None:
    (figure,) = training.measure("ae", "cpu", seconds=0.2, rounds=1)
    assert_sound([figure])
    assert (figure.unit, figure.bound, figure.budget) == ("times", "at least", training.budget("cpu"))
    assert "images/s, the plain loop" in figure.detail


def test_curves_and_latents_are_measured() -> None:
    assert_sound(curves.measure(lines=2_000))
    assert_sound(latents.measure(points=500))


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_viewer_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(viewer, "SETTLE_SECONDS", 0.1)
    monkeypatch.setattr(viewer, "PAUSE_SECONDS", (0.01, 0.02))
    figures = viewer.measure(seconds=0.2, rounds=1)
    assert_sound(figures)
    units = {figure.unit for figure in figures}
    assert {"s", "MB", "bytes/s", "ms", "times"} <= units


def test_evaluations_become_tables_and_a_picture(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plain = Evaluation(
        frechet_samples=MeanStd(31.256, 0.4, 3),
        frechet_reconstructions=3.9,
        frechet_floor=0.3,
        precision=MeanStd(0.9, 0.01, 3),
        recall=MeanStd(0.8, 0.01, 3),
        classifier_confidence=MeanStd(0.95, 0.01, 3),
        class_balance=MeanStd(0.97, 0.01, 3),
        test_squared_error=7.5,
        elbo=None,
        iwae=None,
        active_units=64,
        sampler="gaussian",
        sampling_options=None,
        samples=10_000,
        dataset="mnist",
        classifier={},
    )
    better = replace(plain, frechet_samples=MeanStd(9.5, None, 1), elbo=MeanStd(-617.0, 0.1, 3), active_units=12)
    (tmp_path / "beta").mkdir()
    for name, evaluation in {"a.gaussian": plain, "b.prior": better, "beta/0.4": better, "beta/1": plain}.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(evaluation.as_json()))
    quality.main(tmp_path, tmp_path / "quality.png")
    lines = capsys.readouterr().out.splitlines()
    assert lines[2].startswith("| a | gaussian | 31.26 ± 0.40 | 0.900 ± 0.010 |")
    assert lines[3].startswith("| b | prior | 9.50 | ")
    assert lines[-1] == "| b | 3.90 | 7.50 | -617.0 ± 0.1 |  | 12 |"
    assert (tmp_path / "quality.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("value", "bound", "kept"), [(2.9, "at least", False), (3.0, "at least", True), (3.1, "at most", False)]
)
def test_a_figure_knows_whether_its_budget_is_kept(value: float, bound: str, kept: bool) -> None:
    figure = Figure("x", value, "times", bound, 3.0)  # type: ignore[arg-type]
    assert figure.kept is kept
    assert figure.as_json()["of_budget"] == round(value / 3, 3)


@pytest.mark.slow
def test_the_command_prints_figures_and_the_machine() -> None:
    command = [str(Path(sys.executable).with_name("vae-tui")), "bench", "--quick", "--only", "latents", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=True, cwd="/")
    found = json.loads(done.stdout)
    assert {"processor", "cores", "torch", "date"} <= found["machine"].keys()
    assert len(found["figures"]) == 2
    refused = subprocess.run([*command[:-3], "nonsense"], capture_output=True, text=True, timeout=100, check=False)
    assert refused.returncode == 2
