"""The compiled step built for other processors, and under ThreadSanitizer."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from core.kernels.compiler import FLAGS
from core.kernels.native_step import OPTIONS

DRIVER = Path(__file__).with_name("driver.cpp")
CRITICAL = [flag for flag in FLAGS if flag not in ("-shared", "-fPIC", "-march=native")]
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def build(target: Path, *options: str) -> Path:
    command = [
        "c++",
        *CRITICAL,
        *OPTIONS,
        "-Wall",
        "-Wextra",
        "-Werror",
        "-Wno-psabi",
        *options,
        str(DRIVER),
        "-o",
        str(target),
    ]
    subprocess.run(command, check=True)
    return target


def train(program: Path, threads: int, patience: int, steps: int, posterior: int) -> list[float]:
    words = [str(word) for word in (program, threads, patience, steps, posterior)]
    found = subprocess.run(words, check=True, capture_output=True, text=True)
    assert "WARNING" not in found.stderr, found.stderr
    return [float(word) for word in found.stdout.split()]


@pytest.mark.parametrize("bfloat16", [False, True])
def test_other_instructions_compute_the_same_to_rounding(tmp_path: Path, bfloat16: bool) -> None:
    defines = ["-DBFLOAT16"] if bfloat16 else []
    builds = {"here": "-march=native", "avx2": "-march=haswell", "sse2": "-march=x86-64"}
    found = {}
    for name, option in builds.items():
        program = build(tmp_path / name, option, *defines)
        found[name] = [train(program, 2, 100, 1, posterior) for posterior in range(3)]
    for other in ("avx2", "sse2"):
        for ours, theirs in zip(found["here"], found[other], strict=True):
            assert ours == pytest.approx(theirs, rel=2e-2 if bfloat16 else 1e-5)


def test_the_thread_sanitizer_finds_no_race_where_parts_are_done_twice(tmp_path: Path) -> None:
    program = build(tmp_path / "tsan", "-march=native", "-DBFLOAT16", "-fsanitize=thread", "-g", "-O1")
    alone = train(program, 1, 100, 8, 2)
    for threads in (2, 4):
        assert train(program, threads, 0, 8, 2) == alone
