"""C++ is compiled once, its units side by side, and may be compiled before it is wanted."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch

from core.kernels import compiler, fused, native_step, step_library
from core.kernels.compiler import Unavailable

# Two units that call each other, over a header.
UNITS = {
    "one.cpp": '#include "both.h"\nextern "C" int answer() { return twice(21); }\n',
    "two.cpp": '#include "both.h"\nint twice(int number) { return 2 * number + ODD; }\n',
    "both.h": "int twice(int number);\n",
}


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The units in a folder, and an empty cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name, text in UNITS.items():
        (tmp_path / name).write_text(text)
    return [tmp_path / name for name in UNITS]


def answer(library: ctypes.CDLL) -> int:
    return int(library.answer())


def test_a_library_of_several_units_is_compiled_once(sources: Sequence[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    assert answer(compiler.load(sources, ["-DODD=0"])) == 42
    monkeypatch.setattr(compiler, "_compile", lambda *given: pytest.fail("it was compiled again"))
    assert answer(compiler.load(sources, ["-DODD=0"])) == 42


def test_what_it_was_made_of_decides_which_library_is_loaded(sources: Sequence[Path]) -> None:
    assert answer(compiler.load(sources, ["-DODD=0"])) == 42
    assert answer(compiler.load(sources, ["-DODD=1"])) == 43
    sources[2].write_text(UNITS["both.h"] + "#undef ODD\n#define ODD 2\n")
    assert answer(compiler.load(sources, ["-DODD=1"])) == 44


def test_what_the_compiler_says_of_any_unit_is_the_reason(sources: Sequence[Path]) -> None:
    sources[1].write_text("int twice(int number) { return nothing; }\n")
    with pytest.raises(Unavailable, match=r"the compiler refused: .*two\.cpp"):
        compiler.load(sources, [])
    assert not list((Path(os.environ["XDG_CACHE_HOME"]) / "vae-tui" / "kernels").iterdir())


@pytest.mark.parametrize("has", [False, True])
@pytest.mark.parametrize("precision", ["auto", "float32", "bfloat16"])
@pytest.mark.parametrize("features", [(8, 16, 32), (16, 64)])
def test_what_is_compiled_ahead_is_what_a_new_run_loads(
    monkeypatch: pytest.MonkeyPatch, features: tuple[int, ...], precision: str, has: bool
) -> None:
    asked: list[object] = []

    def note(*given: object) -> Path:
        asked.append(given)
        raise Unavailable("not this time")

    monkeypatch.setattr(compiler, "compiled", note)
    monkeypatch.setattr(compiler, "bfloat16_is_faster", lambda: has)
    monkeypatch.setattr(fused, "bfloat16_is_faster", lambda: has)
    step_library.compile_ahead(precision, features).join()
    native_step.library.cache_clear()
    with pytest.raises(Unavailable, match="not this time"):
        low = fused.number_type(precision, torch.device("cpu")) == torch.bfloat16
        native_step.library(step_library.fastest(bfloat16=low), features)
    assert len(asked) == 2
    assert asked[0] == asked[1]


def test_linux_and_pytorch_agree_on_whether_the_processor_multiplies_bfloat16() -> None:
    supported = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    assert compiler.has_bfloat16() == supported


@pytest.mark.parametrize(
    ("name", "flags", "tiles", "faster"),
    [
        ("AMD EPYC", "avx512_bf16", False, True),
        ("Intel(R) Xeon(R)", "avx512_bf16 amx_bf16 amx_tile", True, True),
        ("Intel(R) Xeon(R)", "avx512_bf16", False, False),  # its owner lets nobody use the tiles
        ("AMD EPYC", "avx2", False, False),
    ],
)
def test_auto_means_bfloat16_where_that_is_faster(
    monkeypatch: pytest.MonkeyPatch, name: str, flags: str, tiles: bool, faster: bool
) -> None:
    monkeypatch.setattr(compiler, "_processor", lambda: [f"model name : {name}", f"flags : {flags}"])
    monkeypatch.setattr(compiler, "may_use_tiles", lambda: tiles)
    assert compiler.bfloat16_is_faster() == faster
