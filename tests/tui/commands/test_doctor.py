"""`vae-tui doctor` says what is wrong and how to fix it, and ends with a status that scripts can use."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from ctypes import CDLL
from pathlib import Path
from types import SimpleNamespace

import psutil
import pynvml
import pytest
import torch
from typer.testing import CliRunner

from core import folders
from core.diagnosis import machine, quota, software, storage
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
    assert "packages" not in by_topic(list(software.examine()))
    for name in ("sklearn", "PIL"):
        monkeypatch.setitem(sys.modules, name, None)
    found = by_topic(list(software.examine()))["packages"]
    assert found.text == "missing: scikit-learn (the latent plane, mixtures), pillow (pictures as PNG)"
    assert found.advice == "pip install scikit-learn pillow"
    assert not found.hinders


def without(package: str, *words: str) -> subprocess.CompletedProcess[str]:
    """A command where this package is not installed."""
    begin = f"import sys; sys.modules[{package!r}] = None; sys.argv = ['vae-tui', *{words}]"
    program = f"{begin}; import tui.cli; tui.cli.main()"
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize("package", ["torch", "numpy"])
def test_where_nothing_can_be_computed_doctor_says_what_is_missing(package: str, tmp_path: Path) -> None:
    done = without(package, "doctor", "--runs-dir", str(tmp_path), "--json")
    assert done.returncode == 1, done.stderr
    found = by_topic([Finding(**each) for each in json.loads(done.stdout)])
    assert found["packages"].text.startswith(f"missing: {package} (")
    assert found["packages"].advice == f"pip install {package}"
    assert found["packages"].hinders
    assert found["trainers"]  # and goes on to the last


@pytest.mark.parametrize("command", [("train", "--preset", "ae"), ("sweep", "--seed", "0-1"), ("sample", "ae-mnist")])
def test_without_pytorch_a_command_says_so_in_one_line_and_makes_nothing(
    command: tuple[str, ...], tmp_path: Path
) -> None:
    folder = Path("checkpoints") if "sample" in command else tmp_path / "runs"
    done = without("torch", *command, "--runs-dir", str(folder))
    words = "vae-tui: torch is not installed: pip install torch; vae-tui doctor says what else is missing\n"
    assert (done.returncode, done.stderr) == (2, words)
    assert list(tmp_path.iterdir()) == []


def test_a_machine_without_a_compiler_is_told_what_one_would_gain(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(products: Products) -> CDLL:
        raise Unavailable("there is no C++ compiler")

    monkeypatch.setattr(native_step, "library", refuse)
    found = machine._step()
    assert found.text == "PyTorch's layers (there is no C++ compiler)"
    assert found.advice.startswith("install a C++ compiler")


@pytest.mark.parametrize(
    ("groups", "limits", "cores"),
    [
        ("0::/", {"cpu.max": "max 100000"}, None),
        ("0::/", {"cpu.max": "150000 100000"}, 1.5),
        ("0::/job/step", {"job/cpu.max": "200000 100000", "job/step/cpu.max": "max 100000"}, 2.0),
        ("0::/job/step", {"cpu.max": "50000 100000", "job/cpu.max": "200000 100000"}, 0.5),
        ("4:cpu,cpuacct:/docker/a", {"docker/a/cpu.cfs_quota_us": "300000\n"}, 3.0),
        ("4:cpu,cpuacct:/of/the/host", {"cpu.cfs_quota_us": "300000\n"}, 3.0),  # as a container sees its own group
        ("4:cpu,cpuacct:/", {"cpu.cfs_quota_us": "-1\n"}, None),
        ("4:cpu,cpuacct:/", {}, None),
    ],
)
def test_the_cores_that_a_container_or_a_job_is_given_are_told(
    groups: str, limits: dict[str, str], cores: float | None, tmp_path: Path
) -> None:
    mounted = tmp_path / "the groups"
    for name, text in limits.items():
        (mounted / name).parent.mkdir(parents=True, exist_ok=True)
        (mounted / name).write_text(text)
        if name.endswith("quota_us"):
            (mounted / name.replace("quota", "period")).write_text("100000\n")
    (tmp_path / "cgroup").write_text(f"9:name=systemd:/elsewhere\n{groups}\n")
    kind = "cgroup2 none rw,nsdelegate" if groups.startswith("0::") else "cgroup none rw,cpu,cpuacct"
    place = str(mounted).replace(" ", "\\040")
    (tmp_path / "mountinfo").write_text(f"36 35 0:1 / / rw - ext4 sda rw\n37 36 0:2 / {place} rw shared:9 - {kind}\n")
    assert quota.cores(tmp_path) == cores


def test_a_folder_for_runs_that_takes_none_hinders(tmp_path: Path) -> None:
    (tmp_path / "a file").touch()
    for there, name, reason in (
        (tmp_path / "a file", "runs", "Not a directory"), (Path("/proc"), "nope/x", "No such file or directory"),
    ):  # fmt: skip
        found = by_topic(list(storage.examine(there / name, tmp_path / "data")))
        assert found["runs"].hinders
        assert found["runs"].text == f"{there / name}, where nothing can be made: {there}: {reason}"
    (tmp_path / "runs").mkdir()
    found = by_topic(list(storage.examine(tmp_path / "runs", tmp_path / "data")))
    assert not found["runs"].hinders
    assert found["image sets"].text.endswith("made when it is needed")
    assert found["locks"].text == "keep a second trainer away from a run"
    assert found["runs there"].text == "0 runs"
    assert str(folders.config_dir()) in found["settings"].text
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a file", "runs"]


def test_little_shared_memory_is_told_with_what_gives_more() -> None:
    found = storage._shared_memory(8 << 20)
    assert (found.text, found.hinders) == ("8 MB free", False)
    assert "--shm-size 1g" in found.advice
    assert storage._shared_memory(2 << 30).advice == ""


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
    assert found["characters"].text == "ASCII only: LC_ALL is C"
    assert found["characters"].advice == doctor.LOCALE
    monkeypatch.setenv("TERM", "dumb")
    found = by_topic(list(doctor.terminal()))
    assert found["characters"].text == "ASCII only: TERM is dumb, LC_ALL is C"
    assert found["characters"].advice == f"{doctor.TERM}; {doctor.LOCALE}"


@pytest.mark.parametrize(("setting", "text"), [("on", doctor.ON), ("external", doctor.COPYING["tmux"])])
def test_tmux_is_asked_whether_it_passes_on_what_is_copied(
    setting: str, text: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    said = tmp_path / "tmux"
    said.write_text(f"#!/bin/sh\ncase $1 in show) echo {setting};; *) echo tmux 3.4;; esac\n")
    said.chmod(0o700)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("TMUX", "/tmp/tmux-1/default,1,0")
    found = by_topic(list(doctor.terminal()))
    assert found["copying"].text == text
    assert found["terminal"].text.endswith(", in tmux 3.4")


def test_a_multiplexer_that_does_not_answer_is_not_waited_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "tmux").write_text("#!/bin/sh\nexec /bin/sleep 60\n")
    (tmp_path / "tmux").chmod(0o700)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("TMUX", "/tmp/tmux-1/default,1,0")
    monkeypatch.setattr(doctor, "ANSWER_SECONDS", 0.1)
    found = by_topic(list(doctor.terminal()))
    assert found["terminal"].text.endswith(", in tmux")
    assert found["copying"].text == doctor.COPYING["tmux"]


def test_a_multiplexer_that_is_not_on_the_path_is_asked_as_it_runs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("TMUX", raising=False)
    monkeypatch.setenv("STY", f"{os.getpid()}.pts-0.host")  # Python has --version, too
    assert ", in Python 3." in by_topic(list(doctor.terminal()))["terminal"].text


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
