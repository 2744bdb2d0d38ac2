"""The library of the compiled step, which can be made before PyTorch is loaded."""

from __future__ import annotations

import ctypes
import threading
from contextlib import suppress
from pathlib import Path

from core.kernels import compiler

FOLDER = Path(__file__).with_name("step")
SOURCES = tuple(sorted(path for path in FOLDER.iterdir() if path.suffix in (".cpp", ".h")))
# No number is tested for its sign of error, which lets square roots and comparisons be done in vectors.
OPTIONS = ("-pthread", "-ffp-contract=fast", "-fno-math-errno", "-fno-trapping-math")


def load(*, bfloat16: bool) -> ctypes.CDLL:
    """The library for bfloat16 products or float32 ones, compiled if it is not yet. Raises Unavailable."""
    return compiler.load(SOURCES, _options(bfloat16))


def compile_ahead(precision: str) -> threading.Thread:
    """A thread that compiles what a new run of that precision will load, unless it is there already."""
    bfloat16 = precision == "bfloat16" or (precision == "auto" and compiler.has_bfloat16())

    def compile_it() -> None:
        with suppress(compiler.Unavailable):  # whoever loads it meets the reason again
            compiler.compiled(SOURCES, _options(bfloat16))

    thread = threading.Thread(target=compile_it, name="compile the step")
    thread.start()
    return thread


def _options(bfloat16: bool) -> list[str]:
    return [*OPTIONS, *(["-DBFLOAT16"] if bfloat16 else [])]
