"""What a user or a machine has configured: plots look the same, and what only measures or favours ends nothing."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pynvml
import pytest
import torch

from core.cores import CoreMeter
from core.runs.catalog import summarise
from core.runs.run import Run
from core.runs.status import State, process_started
from core.training.devices import load
from core.training.devices.load import LoadMeter
from tests.support import trainers
from tests.support.machines import ROOT

MakeRun = Callable[..., Run]
WaitUntil = Callable[..., None]

DRAW = """
import sys; from pathlib import Path
import numpy as np
from tui import export_plots
points = np.arange(20.0).reshape(10, 2)
export_plots.save_scatter(Path(sys.argv[1]), points, np.arange(10), title="a $title$", replace=True)
"""


# Plots


def draw(path: Path, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(ROOT)} | variables
    command = [sys.executable, "-c", DRAW, str(path)]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)


RC = """figure.facecolor: red
text.usetex: True
font.size: 30
savefig.dpi: 7
axes.grid: True
backend: nonsense
no such key: 1
"""


def test_3_a_plot_is_the_same_whatever_its_user_configured(tmp_path: Path) -> None:
    plain, here = tmp_path / "plain.png", tmp_path / "here"
    here.mkdir()
    assert draw(plain, tmp_path).returncode == 0
    (here / "matplotlibrc").write_text(RC)
    (tmp_path / "config" / "stylelib").mkdir(parents=True)
    (tmp_path / "config" / "matplotlibrc").write_text(RC)
    (tmp_path / "config" / "stylelib" / "own.mplstyle").write_bytes(b"\xff\xfe nonsense")
    configured: tuple[tuple[Path, dict[str, str]], ...] = (
        (tmp_path, {"MPLBACKEND": "module://matplotlib_inline.backend_inline"}),
        (tmp_path, {"MPLBACKEND": "module://no.such.module"}),
        (tmp_path, {"MPLBACKEND": "nonsense"}),
        (tmp_path, {"MPLBACKEND": "TkAgg", "DISPLAY": ""}),
        (here, {}),
        (tmp_path, {"MATPLOTLIBRC": str(here / "matplotlibrc")}),
        (tmp_path, {"MPLCONFIGDIR": str(tmp_path / "config")}),
    )
    for number, (cwd, variables) in enumerate(configured):
        drawn = tmp_path / f"{number}.png"
        done = draw(drawn, cwd, **variables)
        assert (done.returncode, done.stderr) == (0, ""), (variables, done.stderr)
        assert drawn.read_bytes() == plain.read_bytes(), variables


def test_3_a_matplotlib_that_cannot_be_loaded_is_told_in_one_line(tmp_path: Path) -> None:
    broken = tmp_path / "packages" / "matplotlib"
    broken.mkdir(parents=True)
    (broken / "__init__.py").write_text("raise RuntimeError('numpy.core.multiarray failed to import')")
    done = draw(tmp_path / "plot.png", tmp_path, PYTHONPATH=f"{broken.parent}:{ROOT}")
    assert done.stderr.splitlines()[-1] == (
        "core.errors.RunError: plots cannot be drawn, as matplotlib cannot be loaded: "
        "unexpected RuntimeError: numpy.core.multiarray failed to import"
    )


# What only measures or favours


@pytest.mark.timeout(120)
def test_2_a_trainer_whose_priority_may_not_be_changed_trains(make_small_run: MakeRun) -> None:
    if os.geteuid() or not shutil.which("chrt") or not shutil.which("setpriv"):
        pytest.skip("only root can give up its rights")
    run = make_small_run(epochs=1)
    # Without the capability, root may not leave the idle class either.
    through = ["setpriv", "--bounding-set=-sys_nice", "--inh-caps=-sys_nice", "chrt", "-i", "0"]
    command = [*through, sys.executable, "-P", "-m", "core.worker", str(run.path)]
    refused = [*through, sys.executable, "-c", "import os; os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))"]
    if subprocess.run(refused, capture_output=True).returncode == 0:
        pytest.skip("this kernel lets anybody leave the idle class")
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, run.state()) == (0, State.FINISHED), done.stdout


def test_2_a_trainer_starts_though_its_scheduling_class_is_refused(
    make_small_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    from core.jobs import process

    def refuse(*ignored: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    asked: list[Run] = []

    def train(runs: Sequence[Run], *ignored: object) -> int:
        asked.extend(runs)
        return 0

    monkeypatch.setattr(os, "sched_setscheduler", refuse)
    monkeypatch.setattr(process, "train", train)
    run = make_small_run(epochs=1)
    assert process.main([str(run.path)]) == 0
    assert asked == [run]


@pytest.mark.parametrize("error", [psutil.AccessDenied(1), psutil.NoSuchProcess(1), PermissionError(13, "no")])
def test_2_a_container_that_hides_processes_keeps_nobody_from_listing_and_training(
    error: Exception, make_small_run: MakeRun, few_digits: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*ignored: object, **options: object) -> Any:
        raise error

    run = make_small_run(epochs=1)
    with run.open_metrics(), monkeypatch.context() as patch:
        run.write_status(run.status().updated(state=State.RUNNING, pid=1, boot=None))
        for name in ("Process", "boot_time", "cpu_times", "virtual_memory", "cpu_count"):
            patch.setattr(psutil, name, refuse)
        assert summarise(run).state is State.RUNNING
        assert process_started(os.getpid()) is None
        assert CoreMeter().read() >= 1
        assert LoadMeter(torch.device("cpu")).read() == {"device_load": None, "gpu": None}


def test_2_cores_that_a_container_does_not_show_are_taken_as_free(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {5, 70}, raising=False)
    monkeypatch.setattr("core.cores.SHORTEST", 0.0)
    assert CoreMeter().read() == 2


class Memory:
    used, total, free = 10, 20, 10


class Rates:
    gpu = 255


@pytest.mark.parametrize(
    "error", [pynvml.NVMLError(pynvml.NVML_ERROR_GPU_IS_LOST), UnicodeDecodeError("utf-8", b"", 0, 1, "no"), OSError(5)]
)
def test_2_a_gpu_that_answers_with_errors_or_nonsense_ends_no_training(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*ignored: object) -> Any:
        raise error

    monkeypatch.setattr(load, "nvml_handle", lambda device: "a card")
    questions = [name for name in dir(pynvml) if name.startswith("nvmlDeviceGet")]
    for question in questions:
        monkeypatch.setattr(pynvml, question, refuse)
    figures = LoadMeter(torch.device("cuda:0")).read()["gpu"]
    assert figures is not None
    assert set(dict(figures).values()) == {None}
    monkeypatch.setattr(pynvml, "nvmlDeviceGetMemoryInfo", lambda card: Memory())
    monkeypatch.setattr(pynvml, "nvmlDeviceGetUtilizationRates", lambda card: Rates())
    monkeypatch.setattr(pynvml, "nvmlDeviceGetTemperature", lambda card, sensor: 2**32 - 1)
    monkeypatch.setattr(pynvml, "nvmlDeviceGetPowerUsage", lambda card: -1)
    figures = LoadMeter(torch.device("cuda:0")).read()["gpu"]
    assert figures is not None
    assert (figures.utilisation, figures.temperature, figures.power) == (None, None, None)
    assert (figures.memory_used, figures.memory_total) == (10, 20)


def test_2_a_load_that_is_no_number_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(psutil.Process, "cpu_percent", lambda self: float(np.nan))
    assert LoadMeter(torch.device("cpu")).read() == {"device_load": None, "gpu": None}


def test_2_a_driver_that_is_gone_leaves_training_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone() -> None:
        raise OSError("libnvidia-ml.so.1: file too short")

    monkeypatch.setattr(pynvml, "nvmlInit", gone)
    assert load.nvml_handle(torch.device("cuda:0")) is None


def test_2_a_trainer_in_such_a_container_trains(make_small_run: MakeRun, tmp_path: Path) -> None:
    run = make_small_run(epochs=1)
    (tmp_path / "sitecustomize.py").write_text(
        "import psutil\n"
        "def refuse(*ignored, **options):\n    raise psutil.AccessDenied(1)\n"
        "for name in ('boot_time', 'cpu_times', 'virtual_memory', 'cpu_count'):\n    setattr(psutil, name, refuse)\n"
        "for name in ('cpu_percent', 'cpu_times', 'memory_info', 'create_time', 'status'):\n"
        "    setattr(psutil.Process, name, refuse)\n"
    )
    environment = os.environ | {"PYTHONPATH": f"{tmp_path}:{ROOT}"}
    command = [sys.executable, "-P", "-m", "core.worker", str(run.path)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, run.state()) == (0, State.FINISHED), done.stdout + done.stderr
    assert run.status().step == trainers.STEPS_PER_EPOCH
