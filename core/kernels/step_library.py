"""The library of the compiled step of an autoencoder, which can be made before PyTorch is loaded."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Sequence
from contextlib import suppress
from enum import StrEnum
from pathlib import Path

from core.kernels import compiler
from core.shapes import LATENT_SHAPE

FOLDER = Path(__file__).with_name("step")
SOURCES = tuple(sorted(path for path in FOLDER.iterdir() if path.suffix in (".cpp", ".h")))
# No number is tested for its sign of error, which lets square roots and comparisons be done in vectors. What is hidden
# is a library's own: a process may have one for each size of a model.
OPTIONS = ("-pthread", "-ffp-contract=fast", "-fno-math-errno", "-fno-trapping-math", "-fvisibility=hidden")
# Sizes that there is a step for: up to so many levels, and the channels of each.
MOST_LEVELS, CHANNELS = 3, (8, 16, 32, 64)


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


def has_step(features: Sequence[int], latent_channels: int) -> bool:
    """Whether there is a step for an autoencoder whose levels have these channels."""
    return latent_channels == LATENT_SHAPE[0] and 0 < len(features) <= MOST_LEVELS and set(features) <= set(CHANNELS)


def load(products: Products, features: Sequence[int]) -> ctypes.CDLL:
    """The library for such products and channels, compiled if it is not yet. Raises Unavailable."""
    products.check()
    return compiler.load(SOURCES, _options(products, features))


def compile_ahead(precision: str, features: Sequence[int]) -> threading.Thread:
    """A thread that compiles what a new run of that precision will load, unless it is there already."""
    bfloat16 = precision == "bfloat16" or (precision == "auto" and compiler.bfloat16_is_faster())

    def compile_it() -> None:
        with suppress(compiler.Unavailable):  # whoever loads it meets the reason again
            compiler.compiled(SOURCES, _options(fastest(bfloat16=bfloat16), features))

    thread = threading.Thread(target=compile_it, name="compile the step")
    thread.start()
    return thread


def _options(products: Products, features: Sequence[int]) -> list[str]:
    return [*products.options, f"-DFEATURES={','.join(map(str, features))}"]
