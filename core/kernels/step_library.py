"""The library of the compiled step, which can be made before PyTorch is loaded."""

from __future__ import annotations

import ctypes
import threading
from contextlib import suppress
from enum import StrEnum
from pathlib import Path

from core.kernels import compiler

FOLDER = Path(__file__).with_name("step")
SOURCES = tuple(sorted(path for path in FOLDER.iterdir() if path.suffix in (".cpp", ".h")))
# No number is tested for its sign of error, which lets square roots and comparisons be done in vectors.
OPTIONS = ("-pthread", "-ffp-contract=fast", "-fno-math-errno", "-fno-trapping-math")


class Products(StrEnum):
    """What the products of a compiled step are made of. Bits depend on it, so `state.pt` names it."""

    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"
    TILES = "bfloat16 tiles"  # whole matrices at once

    @property
    def options(self) -> list[str]:
        """What the compiler is told."""
        return [*OPTIONS, *DEFINITIONS[self]]

    @property
    def in_turn(self) -> tuple[Products, ...]:
        """What to try where these are wanted."""
        return (self, Products.BFLOAT16) if self is Products.TILES else (self,)

    def check(self) -> None:
        """Raise Unavailable where this machine has none."""
        if self is Products.TILES and not compiler.may_use_tiles():
            raise compiler.Unavailable("no tiles")


DEFINITIONS = {
    Products.FLOAT32: (),
    Products.BFLOAT16: ("-DBFLOAT16",),
    Products.TILES: ("-DBFLOAT16", "-DAMX"),
}


def fastest(*, bfloat16: bool) -> Products:
    """The products that are fastest here, of bfloat16 numbers or of float32 ones."""
    if not bfloat16:
        return Products.FLOAT32
    return Products.TILES if compiler.may_use_tiles() else Products.BFLOAT16


def load(products: Products) -> ctypes.CDLL:
    """The library for such products, compiled if it is not yet. Raises Unavailable."""
    products.check()
    return compiler.load(SOURCES, products.options)


def compile_ahead(precision: str) -> threading.Thread:
    """A thread that compiles what a new run of that precision will load, unless it is there already."""
    bfloat16 = precision == "bfloat16" or (precision == "auto" and compiler.bfloat16_is_faster())

    def compile_it() -> None:
        with suppress(compiler.Unavailable):  # whoever loads it meets the reason again
            compiler.compiled(SOURCES, fastest(bfloat16=bfloat16).options)

    thread = threading.Thread(target=compile_it, name="compile the step")
    thread.start()
    return thread
