"""`vae-tui doctor` says what is amiss and what mends it, and ends with a status that scripts can use."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from ctypes import CDLL
from pathlib import Path
from types import SimpleNamespace

import psutil
import pynvml
import pytest
import torch
from typer.testing import CliRunner

from core.diagnosis import machine, storage
from core.diagnosis.finding import Finding
from core.kernels import native_step
from core.kernels.compiler import Unavailable
from core.kernels.step_library import Products
from core.training.devices import choice
from tui.command_line import command_line
from tui.commands import doctor
from tui.terminal import detection
from tui.terminal.graphics import Graphics


@pytest.fixture
def with_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """NVIDIA's driver shows one GPU."""
    answers: dict[str, Callable[..., object]] = {
        "nvmlInit": lambda: None, "nvmlSystemGetDriverVersion": lambda: "580.1", "nvmlDeviceGetCount": lambda: 1,
        "nvmlDeviceGetHandleByIndex": lambda index: index, "nvmlDeviceGetName": lambda handle: "NVIDIA H100",
    }  # fmt: skip
    for name, answer in answers.items():
        monkeypatch.setattr(pynvml, name, answer)


def by_topic(findings: list[Finding]) -> dict[str, Finding]:
    return {finding.topic: finding for finding in findings}


def test_a_build_for_cpus_on_a_machine_with_a_gpu_hinders_and_is_told_with_the_command(
    with_gpu: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(torch.version, "cuda", None)
    done = CliRunner().invoke(command_line(), ["doctor", "--runs-dir", str(tmp_path), "--json"])
    assert done.exit_code == 1
    gpu = by_topic([Finding(**each) for each in json.loads(done.stdout)])["GPU"]
    assert gpu.hinders
    assert gpu.text == "NVIDIA H100, driver 580.1; not used"
    assert "pip install --force-reinstall torch torchvision" in gpu.advice


def test_a_gpu_that_cannot_be_used_says_why(with_gpu: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    monkeypatch.setattr(choice, "present", lambda: ("cuda:0", "cpu"))
    monkeypatch.setattr(choice, "complaint", lambda name: "its driver is older")
    found = by_topic(list(machine._gpus()))
    assert found["GPU"].text == "NVIDIA H100, driver 580.1, PyTorch for CUDA 13.0"
    assert found["cuda:0"] == Finding("cuda:0", "cannot be used", "its driver is older", hinders=True)


def test_what_an_installation_without_its_dependencies_lacks_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    assert list(machine._packages()) == []
    monkeypatch.setattr(machine, "find_spec", lambda name: None if name in ("sklearn", "PIL") else object())
    (found,) = machine._packages()
    assert found.text == "missing: scikit-learn (the latent plane, mixtures), pillow (pictures as PNG)"
    assert found.advice == "pip install scikit-learn pillow"


def test_a_machine_without_a_compiler_is_told_what_one_would_gain(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(products: Products) -> CDLL:
        raise Unavailable("there is no C++ compiler")

    monkeypatch.setattr(native_step, "library", refuse)
    found = machine._step()
    assert found.text == "PyTorch's layers (there is no C++ compiler)"
    assert found.advice.startswith("install a C++ compiler")


@pytest.mark.parametrize(("limit", "cores"), [("max 100000", None), ("150000 100000", 1.5), ("", None)])
def test_the_cores_that_a_container_is_given_are_told(
    limit: str, cores: float | None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "cpu.max").write_text(limit)
    monkeypatch.setattr(machine, "QUOTA", tmp_path / "cpu.max")
    assert machine._quota() == cores


def test_a_folder_for_runs_that_takes_none_hinders(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: not str(path).startswith(str(tmp_path / "runs")))
    (tmp_path / "runs").mkdir()
    found = by_topic(list(storage.examine(tmp_path / "runs", tmp_path / "data")))
    assert found["runs"].hinders
    assert not found["image sets"].hinders
    assert found["image sets"].text.endswith("made when it is needed")
    assert found["locks"].text == "keep a second trainer away from a run"
    assert found["runs there"].text == "0 runs"


def test_trainers_are_told_and_those_whose_run_is_gone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()

    def process(pid: int, *words: str) -> object:
        return SimpleNamespace(pid=pid, cmdline=lambda: ["python", "-P", "vae_tui.py", *words])

    def hidden() -> list[str]:
        raise psutil.AccessDenied

    processes = [
        process(1, "core.worker", str(tmp_path / "here"), "--epochs", "3"), process(2, "tests.benchmarks"),
        process(3, "core.worker", str(tmp_path / "gone")), SimpleNamespace(pid=4, cmdline=hidden),
    ]  # fmt: skip
    monkeypatch.setattr(psutil, "process_iter", lambda: processes)
    found = storage._trainers()
    assert found.text == "here (process 1)"
    assert found.advice == "the run of others is gone, so end them: kill 3"


def test_a_terminal_of_few_signs_is_told_which_locale_has_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "C")
    found = by_topic(list(doctor.terminal()))
    assert found["characters"].text.endswith("ASCII only")
    assert found["characters"].advice == doctor.LOCALE


@pytest.mark.parametrize(("variable", "advice"), [("TMUX", "terminal-features"), ("STY", "no graphics"), ("X", "foot")])
def test_where_no_graphics_get_through_it_says_what_would(
    variable: str, advice: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("TMUX", "STY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(variable, "1")
    monkeypatch.setattr("sys.stdout", SimpleNamespace(isatty=lambda: True, encoding="utf-8"))
    found = by_topic(list(doctor.terminal()))
    assert found["graphics"].text == "none, half-blocks instead: graphics need a terminal as input and output"
    assert advice in found["graphics"].advice
    assert ("copying" in found) == (variable != "X")
    monkeypatch.setattr(detection, "detect_graphics", lambda: Graphics("sixel", 9, 18))
    found = by_topic(list(doctor.terminal()))
    assert found["graphics"].text.startswith("sixel, cells of 9x18 pixels")


def test_in_a_terminal_a_line_each_and_a_last_one_that_sums_up(tmp_path: Path) -> None:
    done = CliRunner().invoke(command_line(), ["doctor", "--runs-dir", str(tmp_path)])
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines()[-1] == "runs can be trained here"
    for topic in ("terminal", "processor", "CPU step", "runs", "locks", "trainers"):
        assert any(line.startswith(topic) for line in done.stdout.splitlines())
