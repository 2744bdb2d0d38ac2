"""Compiles two of the GPU kernels as a trainer's helper does, with a stand-in for the driver; prints what was made.

A process of its own, as it is copied to compile.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import torch
from triton.backends.compiler import GPUTarget
from triton.runtime import driver

from core.kernels.gpu import compiling
from core.kernels.gpu.compiling import Wanted

FEW = ("adam", "parts")


class Utils:
    """Loads nothing."""

    launch: object = None

    def load_binary(self, *given: object) -> tuple[object, object, int, int, int]:
        """Module, function, registers, spills and threads."""
        return object(), object(), 0, 0, 1024

    def get_device_properties(self, device: int) -> dict[str, int]:
        """What a kernel is held against."""
        return {"max_shared_mem": 232_448}


class H100:
    """A GPU that compiles and launches nothing."""

    utils = Utils()

    def get_current_target(self) -> GPUTarget:
        """What is compiled for."""
        return GPUTarget("cuda", 90, 32)

    def get_current_device(self) -> int:
        """Its number."""
        return 0

    def get_current_stream(self, device: int) -> int:
        """The only one."""
        return 0

    def launcher_cls(self, source: object, metadata: object) -> Callable[..., None]:
        """What would launch a kernel."""
        return lambda *given: None


def main() -> int:
    """Compile, and list the kernels in the cache."""
    driver.set_active(H100())
    whole = compiling.Wanted.fresh_step

    def fresh_step(self: Wanted, device: str) -> object:
        step = whole(self, device)
        launches = step.launches
        step.launches = lambda count: [each for each in launches(count) if each.name in FEW]  # type: ignore[method-assign]
        return step

    with mock.patch.object(torch.cuda, "set_device"), mock.patch.object(Wanted, "fresh_step", fresh_step):
        compiling.compile_kernels([Wanted("ae", 16, rest=8)])
    print(*sorted({path.stem for path in Path(os.environ[compiling.CACHE]).rglob("*.cubin")}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
