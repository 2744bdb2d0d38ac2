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

FEW = ("adam", "parts")


def main() -> int:
    """Compile, and list the kernels in the cache."""
    whole = compiling.Wanted.fresh_step

    def fresh_step(self: Wanted, device: str) -> object:
        step = whole(self, device)
        launches = step.launches
        step.launches = lambda count: [each for each in launches(count) if each.name in FEW]  # type: ignore[method-assign]
        return step

    with mock.patch.object(Wanted, "fresh_step", fresh_step), mock.patch.object(compiling, "nvidia"):
        compiling.compile_kernels([Wanted("ae", 16, rest=8)], 90)
    print(*sorted({path.stem for path in Path(os.environ[compiling.CACHE]).rglob("*.cubin")}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
