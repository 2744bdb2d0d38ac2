"""A start shows each of its stages, has a curve and a picture after one step, and loads only what it needs."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from itertools import count

import pytest

from core.jobs import setup
from core.jobs.setup import Job
from core.jobs.trainer.intervals import Intervals
from core.jobs.trainer.stages import Stages
from core.models.weights import metadata_of
from core.runs.run import Run
from tests.support import run_files, trainers

MakeRun = Callable[..., Run]
WaitUntil = Callable[..., None]
STAGES = ["loading PyTorch", "loading kmnist", "setting up the device", "moving kmnist to cpu", "doing the first step"]
SELDOM = Job(intervals=Intervals(report=1e6, first_save=1e6, last_save=1e6))

# Trains two steps, saves, and goes on from there.
TRAIN_AND_RESUME = """
import sys
from pathlib import Path
import torch
from core.data.images import load_for_run
from core.runs.run import Run
from core.training.trainer import Trainer

run = Run(Path(sys.argv[1]))
images = load_for_run(run.config().image_source, Path())
for _ in range(2):
    with run.open_metrics() as metrics:
        trainer = Trainer(run, images, "cpu", metrics)
        steps = trainer.steps()
        next(steps), next(steps)
        trainer.save()
assert trainer.step == 4
compiler = {"torch._dynamo", "torch._inductor", *(["sympy"] if torch.__version__ >= (2, 8) else [])}
print(sorted(compiler & set(sys.modules)))
"""


def test_stages_are_shown_as_they_begin_and_told_with_their_seconds() -> None:
    shown: list[str] = []
    clock = count(step=1.5)
    stages = Stages(shown.append, lambda: next(clock))
    for activity in STAGES[:3]:
        stages.begin(activity)
    assert shown == STAGES[:3]
    assert stages.summary() == "4.5 s: loading PyTorch 1.5, loading kmnist 1.5, setting up the device 1.5"


def test_a_trainer_tells_each_stage_of_its_start(make_small_run: MakeRun) -> None:
    run = make_small_run(epochs=1)
    trainers.finish(run)
    (line,) = (line for line in run.log_path.read_text().splitlines() if " started in " in line)
    told = [stage.rpartition(" ")[0] for stage in line.partition(" s: ")[2].split(", ")]
    assert [stage for stage in told if stage != "compiling the step"] == STAGES


def test_the_first_step_has_its_line_and_its_pictures_at_once(make_small_run: MakeRun, wait_until: WaitUntil) -> None:
    run = make_small_run(epochs=100_000, validate_every=50_000)
    trainer = trainers.begin(run, SELDOM)
    wait_until(lambda: run.status().saved_step)
    assert int(metadata_of(run.read_weights())["step"]) == run_files.saved_step(run) == 1
    steps = [line["step"] for line in run_files.lines(run, "step")]
    assert steps == [1]
    run_files.kill(run, trainer)


def test_a_trainer_leaves_out_pytorchs_compiler_which_takes_as_long_to_load_as_pytorch(make_small_run: MakeRun) -> None:
    for preset in ("vae", "prior"):
        run = make_small_run(preset, preset=preset, epochs=2)
        words = [sys.executable, "-P", "-c", TRAIN_AND_RESUME, str(run.path)]
        assert subprocess.run(words, capture_output=True, text=True, check=True, timeout=120).stdout == "[]\n"


class Asked(Exception):
    """The step for such channels."""


@pytest.mark.parametrize(
    ("settings", "features"),
    [
        ({"likelihood": "bernoulli"}, (8, 16, 32)),
        ({"features": "16,64"}, (16, 64)),
        ({"features": "16,20"}, None),
        ({"clip_norm": 1.0}, None),
        ({"preset": "prior"}, None),
    ],
)
def test_the_step_is_compiled_while_pytorch_is_loaded_where_there_is_one(
    make_run: MakeRun, monkeypatch: pytest.MonkeyPatch, settings: dict[str, object], features: tuple[int, ...] | None
) -> None:
    def ask(precision: str, features: tuple[int, ...]) -> None:
        raise Asked(features)

    def load() -> None:
        setup.load_trainer(make_run(**settings), None, Job(), Stages(str))

    monkeypatch.setattr(setup, "compile_ahead", ask)
    if features is None:
        load()
        return
    with pytest.raises(Asked) as asked:
        load()
    assert asked.value.args == (features,)
