"""The compiled step built for other processors, and under ThreadSanitizer."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from core.kernels.compiler import FLAGS, may_use_tiles
from core.kernels.step_library import FOLDER, OPTIONS, Products
from tests.support.products import PRODUCTS

AUTOENCODER, DENOISER = (Path(__file__).with_name(name) for name in ("driver.cpp", "denoiser_driver.cpp"))
UNITS = {AUTOENCODER: [AUTOENCODER, FOLDER / "backward.cpp"], DENOISER: [DENOISER]}
# Posterior and likelihood, as in core/kernels/step/frame.h.
PLAIN, BINARISED = (0, 0), (2, 1)
KINDS = [PLAIN, (1, 0), (2, 0), BINARISED]
ARM = "aarch64-linux-gnu-g++"
PROGRAM_FLAGS = [flag for flag in FLAGS if flag not in ("-fPIC", "-march=native")]
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def build(target: Path, *options: str, compiler: str = "c++", driver: Path = AUTOENCODER) -> Path:
    options = (*OPTIONS, "-Wall", "-Wextra", "-Werror", "-Wno-psabi", *options)
    subprocess.run([compiler, *PROGRAM_FLAGS, *options, *UNITS[driver], "-o", target], check=True)
    return target


def train(program: Sequence[Path | str], *arguments: int) -> list[float]:
    words = [str(word) for word in (*program, *arguments)]
    found = subprocess.run(words, capture_output=True, text=True)
    assert (found.returncode, "WARNING" in found.stderr) == (0, False), found.stderr
    return [float(word) for word in found.stdout.split()]


def assert_same(ours: list[float], theirs: list[float], bfloat16: bool) -> None:
    """But for rounding; a sigma near 0 makes much of that of bfloat16 in the gradients, which come last."""
    count = len(theirs) - 1 if bfloat16 else len(theirs)
    assert ours[:count] == pytest.approx(theirs[:count], rel=1e-2 if bfloat16 else 1e-4)


@pytest.mark.skipif(
    not (shutil.which(ARM) and shutil.which("qemu-aarch64")), reason="no cross compiler for ARM, or no emulator of it"
)
@pytest.mark.parametrize("bfloat16", [False, True])
def test_arm_computes_the_same_to_rounding(tmp_path: Path, bfloat16: bool) -> None:
    defines = ["-DBFLOAT16"] if bfloat16 else []
    here = build(tmp_path / "here", "-march=native", *defines)
    arm = build(tmp_path / "arm", "-static", *defines, compiler=ARM)
    for kind in KINDS:
        ours = train([here], 1, 100, 1, *kind)
        theirs = train(["qemu-aarch64", arm], 2, 100, 1, *kind)
        assert_same(ours, theirs, bfloat16)


@pytest.mark.parametrize("bfloat16", [False, True])
def test_other_instructions_compute_the_same_to_rounding(tmp_path: Path, bfloat16: bool) -> None:
    defines = ["-DBFLOAT16"] if bfloat16 else []
    builds = {"here": "-march=native", "avx2": "-march=haswell", "sse2": "-march=x86-64"}
    found = {}
    for name, option in builds.items():
        program = build(tmp_path / name, option, *defines)
        found[name] = [train([program], 2, 100, 1, *kind) for kind in KINDS]
    for other in ("avx2", "sse2"):
        for ours, theirs in zip(found["here"], found[other], strict=True):
            assert_same(ours, theirs, bfloat16)


@pytest.mark.parametrize("driver", [AUTOENCODER, DENOISER])
def test_a_step_in_tiles_compiles_and_computes_the_same_to_rounding(tmp_path: Path, driver: Path) -> None:
    options = ["-march=sapphirerapids", *Products.TILES.options]
    tiles = build(tmp_path / "tiles", *options, driver=driver)
    if may_use_tiles():
        here = build(tmp_path / "here", "-march=native", *Products.BFLOAT16.options, driver=driver)
        assert_same(train([tiles], 2, 100, 1, *PLAIN), train([here], 2, 100, 1, *PLAIN), bfloat16=True)


@pytest.mark.parametrize(
    ("driver", "features"),
    [*((AUTOENCODER, features) for features in ("8,16,32", "16,32,64", "64,8", "32")), (DENOISER, "8,16,32")],
)
def test_tiles_by_hand_compute_the_same_to_rounding(tmp_path: Path, driver: Path, features: str) -> None:
    """What is done with tiles is right, wherever this runs."""
    sizes, by_hand = f"-DFEATURES={features}", f'-DTILES_BY_HAND="{Path(__file__).with_name("tiles_by_hand.h")}"'
    tiles = build(tmp_path / "tiles", "-march=native", *Products.TILES.options, sizes, by_hand, driver=driver)
    here = build(tmp_path / "here", "-march=native", *Products.BFLOAT16.options, sizes, driver=driver)
    for kind in (PLAIN, BINARISED):
        assert_same(train([tiles], 1, 100, 1, *kind), train([here], 1, 100, 1, *kind), bfloat16=True)


@pytest.mark.parametrize("products", [products for products in PRODUCTS if products is not Products.FLOAT32])
def test_the_thread_sanitizer_finds_no_race_where_parts_are_done_twice(tmp_path: Path, products: Products) -> None:
    program = build(tmp_path / "tsan", "-march=native", *products.options, "-fsanitize=thread", "-g", "-O1")
    alone = train([program], 1, 100, 8, *BINARISED)
    for threads in (2, 4):
        assert train([program], threads, 0, 8, *BINARISED) == alone


@pytest.mark.skipif(
    not (shutil.which(ARM) and shutil.which("qemu-aarch64")), reason="no cross compiler for ARM, or no emulator of it"
)
@pytest.mark.parametrize("bfloat16", [False, True])
def test_arm_computes_the_same_to_rounding_for_a_denoiser(tmp_path: Path, bfloat16: bool) -> None:
    defines = ["-DBFLOAT16"] if bfloat16 else []
    here = build(tmp_path / "here", "-march=native", *defines, driver=DENOISER)
    arm = build(tmp_path / "arm", "-static", *defines, compiler=ARM, driver=DENOISER)
    assert_same(train([here], 1, 100, 1), train(["qemu-aarch64", arm], 2, 100, 1), bfloat16)


@pytest.mark.parametrize("bfloat16", [False, True])
def test_other_instructions_compute_the_same_to_rounding_for_a_denoiser(tmp_path: Path, bfloat16: bool) -> None:
    defines = ["-DBFLOAT16"] if bfloat16 else []
    builds = {"here": "-march=native", "avx2": "-march=haswell", "sse2": "-march=x86-64"}
    found = {
        name: train([build(tmp_path / name, option, *defines, driver=DENOISER)], 2, 100, 1)
        for name, option in builds.items()
    }
    for other in ("avx2", "sse2"):
        assert_same(found["here"], found[other], bfloat16)


@pytest.mark.parametrize("bfloat16", [False, True])
def test_a_denoisers_step_compiles_for_avx512(tmp_path: Path, bfloat16: bool) -> None:
    """It cannot run everywhere."""
    options = ["-march=sapphirerapids", "-DBFLOAT16"] if bfloat16 else ["-march=skylake-avx512"]
    assert build(tmp_path / "avx512", *options, driver=DENOISER).exists()


def test_the_thread_sanitizer_finds_no_race_where_parts_of_a_denoisers_step_are_done_twice(tmp_path: Path) -> None:
    program = build(tmp_path / "tsan", "-march=native", "-fsanitize=thread", "-g", "-O1", driver=DENOISER)
    alone = train([program], 1, 100, 4)
    for threads in (2, 4):
        assert train([program], threads, 0, 4) == alone
