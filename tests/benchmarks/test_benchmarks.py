"""The benchmarks run at a small size and measure what they say; no test here looks at a clock."""

from __future__ import annotations

import itertools
import json
import math
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch

from core.data.images import load_image_set, pixels
from core.evaluation.results import Evaluation, MeanStd
from tests.benchmarks import (
    bounds,
    curves,
    history,
    latents,
    machine,
    memory,
    others,
    plane,
    quality,
    rival,
    training,
    viewer,
)
from tests.benchmarks.figures import Before, Figure, as_json, show

WaitUntil = Callable[..., None]
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
@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("preset", "likelihood", "said"),
    [("ae", "bernoulli", ["the plain loop", "fused"]), ("prior", "gaussian", ["float32"])],
)
def test_training_is_measured_against_the_rivals(preset: str, likelihood: str, said: list[str]) -> None:
    figures = training.measure(preset, "cpu", 0.2, 1, likelihood, "plain,layers")
    assert_sound(figures)
    for figure, words in zip(figures, said, strict=True):
        assert (figure.unit, figure.bound) == ("times", "at least")
        assert figure.detail.startswith("compiled step")
        assert f"images/s, {words}" in figure.detail


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


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_answers_to_keys_on_the_plane_are_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plane, "SETTLE_SECONDS", 0.1)
    figures = plane.measure(presses=1, only="decoded,pencil")
    assert_sound(figures)
    names = {figure.name for figure in figures}
    assert {f"decoded: {key}" for key in ("cursor", "zoom in", "zoom out", "pan")} < names
    assert {"pencil: stroke", "pencil: stroke to all that the model says of it"} < names
    (zoom,) = (figure for figure in figures if figure.name == "decoded: zoom in")
    assert re.search(r"finished: .* ms of 7; [\d,]+ bytes", zoom.detail)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_memory_of_the_app_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "SETTLE_SECONDS", 0.1)
    with viewer.runs() as folder, viewer.Watch(folder, "vae-mnist") as app:
        figures = memory.seen(app, turns=1)
    assert_sound(figures)
    assert all(figure.kept for figure in figures)


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


def test_bounds_of_more_images_come_with_how_sure_they_are(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bounds.main([str(CHECKOUT / "checkpoints/vae-mnist"), "--data-dir", str(tmp_path), "--images=8", "--samples=20"])
    _, lower, gain, by_gain, _ = capsys.readouterr().out.splitlines()
    figures = [float(line.partition(" ± ")[0].split()[-1]) for line in (lower, gain, by_gain)]
    assert lower.endswith("(1,000 images)")
    assert gain.endswith("(8 images)")
    assert figures[1] > 0
    assert figures[2] == pytest.approx(figures[0] - figures[1], abs=0.01)


@pytest.mark.parametrize(
    ("value", "bound", "kept"), [(2.9, "at least", False), (3.0, "at least", True), (3.1, "at most", False)]
)
def test_a_figure_knows_whether_its_budget_is_kept(value: float, bound: str, kept: bool) -> None:
    figure = Figure("x", value, "times", bound, 3.0)  # type: ignore[arg-type]
    assert figure.kept is kept
    assert figure.as_json()["of_budget"] == round(value / 3, 3)


# What was measured before


RECORD: dict[str, Any] = {
    "machine": {"processor": "X", "cores": 2, "extensions": "avx2", "gpu": None, "date": "2026-11-01T10:00+00:00"},
    "figures": [{"name": "speed", "value": 3.0}, {"name": "wait", "value": 2.0}],
}


@pytest.fixture
def history_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return history.path()


def test_the_last_figures_of_the_same_kind_of_machine_are_found_again(
    history_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = dict(RECORD["machine"])
    assert history.last_on(found) == {}
    history.append(RECORD)
    history.append(RECORD | {"machine": found | {"extensions": "avx512f"}, "figures": [{"name": "speed", "value": 9}]})
    with history_path.open("a") as file:
        file.write('[1]\n{"machine"\n')
    history.append(RECORD | {"machine": found | {"date": "2026-11-02"}, "figures": [{"name": "speed", "value": 3.2}]})
    assert history.last_on(found | {"date": "2026-11-09"}) == {
        "speed": Before(3.2, "2026-11-02"),
        "wait": Before(2.0, "2026-11-01T10:00+00:00"),
    }
    said = capsys.readouterr().err.splitlines()
    assert [line.partition(": ")[2] for line in said] == [f"line {n} is not what this version writes" for n in (3, 4)]


@pytest.mark.parametrize(
    ("value", "bound", "before", "words"),
    [
        (3.3, "at least", 3.0, "1.10 times as good as 3 times on 2026-11-01"),
        (2.6, "at least", 3.0, "WORSE: 0.87 times as good as 3 times on 2026-11-01"),
        (2.0, "at most", 1.0, "WORSE: 0.50 times as good as 1 times on 2026-11-01"),
        (0.0, "at most", 0.0, "0 times on 2026-11-01"),
        (1.0, "at least", 0.0, "0 times on 2026-11-01"),
    ],
)
def test_a_figure_says_how_it_stands_against_the_one_before(
    value: float, bound: str, before: float, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    figure = Figure("x", value, "times", bound, 3.0)  # type: ignore[arg-type]
    past = {"x": Before(before, "2026-11-01T10:00+00:00")}
    show([figure], {}, past)
    assert capsys.readouterr().out.splitlines()[1].strip() == words
    (line,) = as_json([figure], {}, past)["figures"]
    assert line["before"]["value"] == before
    json.dumps(line, allow_nan=False)


@pytest.mark.parametrize("content", ["", "[]", '{"machine": {}}', '{"machine": {"date": 1}, "figures": [1]}'])
def test_what_is_no_kept_measurement_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "kept.json").write_text(content)
    with pytest.raises(ValueError, match=r".+"):
        history.read(tmp_path / "kept.json")


def test_the_vector_extensions_are_those_that_the_kernel_lists(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "CPUINFO", tmp_path / "cpuinfo")
    for words, extensions in {
        "model name\t: X\nflags\t\t: fpu avx avx2 fma avx512f": "avx avx2 fma avx512f",
        "Features\t: fp asimd bf16": "neon bf16",
    }.items():
        machine.CPUINFO.write_text(f"processor\t: 0\n{words}\n\nprocessor\t: 1\n")
        assert machine.extensions() == extensions


def test_nothing_that_a_benchmark_started_outlives_it_even_when_it_is_killed(wait_until: WaitUntil) -> None:
    code = """
import subprocess, sys, time
from tests.benchmarks.guard import Guard
with Guard() as guard:
    sleeper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)"], start_new_session=True)
    guard.watch(sleeper.pid)
    print(guard.folder, sleeper.pid, flush=True)
    if len(sys.argv) > 1:
        time.sleep(1000)
"""
    for arguments in ([], ["stay"]):
        with subprocess.Popen([sys.executable, "-c", code, *arguments], cwd=CHECKOUT, stdout=subprocess.PIPE) as bench:
            assert bench.stdout is not None
            folder, pid = bench.stdout.readline().decode().split()
            if arguments:
                assert Path(folder).is_dir()
                assert psutil.pid_exists(int(pid))
                bench.kill()
        wait_until(lambda pid=pid, folder=folder: not psutil.pid_exists(int(pid)) and not Path(folder).exists())


@pytest.mark.soak
@pytest.mark.timeout(300)
def test_runs_are_measured_beside_others() -> None:
    figures = others.measure(seconds=0.5, rounds=1, most=2)
    assert_sound(figures)
    assert len(figures) == 3
    assert all(figure.unit == "times" and "one alone" in figure.detail for figure in figures)


@pytest.mark.slow
def test_the_command_prints_figures_the_machine_and_how_they_stand_against_kept_ones(tmp_path: Path) -> None:
    def bench(*options: str) -> subprocess.CompletedProcess[str]:
        command = [str(Path(sys.executable).with_name("vae-tui")), "bench", "--quick", *options]
        return subprocess.run(command, capture_output=True, text=True, timeout=100, check=False, cwd=tmp_path)

    found = json.loads(bench("--only", "latents", "--json").stdout)
    assert {"processor", "cores", "extensions", "threads", "step", "torch", "date"} <= found["machine"].keys()
    assert len(found["figures"]) == 2
    (tmp_path / "kept.json").write_text(json.dumps(found))
    again = bench("--only", "latents", "--against", "kept.json")
    assert again.returncode == 0, again.stderr
    assert again.stdout.count("times as good as") == 2
    for wrong in (["--only", "nonsense"], ["--against", "missing.json"]):
        refused = bench(*wrong)
        assert refused.returncode == 2
        assert wrong[1] in refused.stderr.splitlines()[-1]
