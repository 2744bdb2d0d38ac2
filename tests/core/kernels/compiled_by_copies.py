"""Compiles two of the GPU kernels as a trainer's helper does, for a GPU that is not there; prints what was made.

A process of its own, as it is copied to compile.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from unittest import mock

from core.kernels.gpu import compiling
from core.kernels.gpu.compiling import Wanted
from core.kernels.gpu.launches.forward import Launch

FEW = ("adam", "parts")


def main() -> int:
    """Compile, and list the kernels in the cache."""
    whole = Wanted.launches

    def few(wanted: Wanted) -> list[Launch]:
        return [each for each in whole(wanted) if each.name in FEW]

    with mock.patch.object(Wanted, "launches", few), mock.patch.object(compiling, "nvidia"):
        compiling.compile_kernels([Wanted("ae", 16, rest=8)], 90)
    print(*sorted({path.stem for path in Path(os.environ[compiling.CACHE]).rglob("*.cubin")}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
