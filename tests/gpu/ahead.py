"""Compiles the kernels ahead of time, without a GPU: `python -m tests.gpu.ahead [--architecture 80 90]`.

Prints registers and spills of each; 1 if a kernel spills or does not compile.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from core.kernels.gpu.compiling import Wanted
from core.kernels.gpu.denoiser.selftest import WantedNorms
from core.kernels.gpu.launches.forward import Launch
from core.kernels.gpu.tiles import NARROW, WIDE

WARP = 32
TYPES = {
    torch.float32: "*fp32", torch.bfloat16: "*bf16", torch.float64: "*fp64", torch.int32: "*i32",
    torch.int64: "*i64", torch.uint8: "*u8", torch.int8: "*i8",
}  # fmt: skip


@dataclass(frozen=True)
class Compiled:
    """A kernel for an architecture: registers of a thread, bytes spilled of each, and of shared memory."""

    name: str
    registers: int
    spilled: int
    shared: int


def compile_all(
    architecture: int, precision: str, preset: str, only: Sequence[str] = (), room: int = WIDE
) -> list[Compiled]:
    """Compile what a step launches, each kernel once. `only`: those whose names have one of these parts."""
    found: dict[str, Compiled] = {}
    if preset == WantedNorms.preset:
        launches = [*WantedNorms(precision).launches()]
    else:
        launches = Wanted(preset, 128, precision, room=room).fresh_step("cpu").launches(128)
    for launch in launches:
        key = f"{launch.kernel.__name__} {sorted(launch.constants.items(), key=str)}"
        if key not in found and (not only or any(part in launch.name for part in only)):
            found[key] = compile_one(launch, architecture)
    return list(found.values())


def compile_one(launch: Launch, architecture: int) -> Compiled:
    """Compile a launch's kernel for what it would be given."""
    names = launch.kernel.arg_names
    unknown = {names[which] if isinstance(which, int) else which for which in launch.kernel.do_not_specialize or ()}
    options = {name: value for name, value in launch.constants.items() if name == "num_warps"}
    constants = {name: value for name, value in launch.constants.items() if name not in options}
    arguments = dict(zip(names, launch.arguments, strict=False))
    signature: dict[str, str] = {}
    attributes: dict[tuple[int, ...], list[list[Any]]] = {}
    for index, name in enumerate(names):
        value = arguments.get(name)
        if name in constants:
            signature[name] = "constexpr"
        elif isinstance(value, torch.Tensor):
            signature[name] = TYPES[value.dtype]
            attributes[(index,)] = [["tt.divisibility", 16]]
        else:
            assert isinstance(value, int)
            signature[name] = "i32"
            if value % 16 == 0 and name not in unknown:
                attributes[(index,)] = [["tt.divisibility", 16]]
    source = ASTSource(launch.kernel, signature, constants, attributes)
    done = triton.compile(source, target=GPUTarget("cuda", architecture, WARP), options=options)
    registers, stack = resources(done.asm["cubin"])
    return Compiled(launch.name, registers, stack, done.metadata.shared)


def resources(cubin: bytes) -> tuple[int, int]:
    """Registers and stack bytes of a thread, read by the tool that comes with Triton."""
    tool = Path(triton.__file__).parent / "backends" / "nvidia" / "bin" / "cuobjdump"
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(cubin)
        file.flush()
        text = subprocess.run([tool, "-res-usage", file.name], capture_output=True, text=True, check=True).stdout
    found = re.search(r"REG:(\d+) STACK:(\d+)", text)
    assert found is not None, text
    return int(found[1]), int(found[2])


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.gpu.ahead", description=__doc__)
    parser.add_argument("--architecture", type=int, nargs="+", default=[80, 90])
    parser.add_argument("--precision", nargs="+", default=["float32", "bfloat16"])
    parser.add_argument("--preset", nargs="+", default=["vae", "prior"])
    parser.add_argument("--narrow", action="store_true", help="tilings for GPUs that give programs less memory")
    given = parser.parse_args()
    if os.environ.get("TRITON_INTERPRET") == "1":
        parser.error("the interpreter compiles nothing: unset TRITON_INTERPRET")
    spills = 0
    for architecture in given.architecture:
        for precision in given.precision:
            for preset in given.preset:
                for kernel in compile_all(architecture, precision, preset, room=NARROW if given.narrow else WIDE):
                    spills += bool(kernel.spilled)
                    print(f"sm_{architecture} {precision} {preset} {kernel}", flush=True)
    print(f"{spills} kernels spill; triton {triton.__version__}")
    return min(spills, 1)


if __name__ == "__main__":
    sys.exit(main())
