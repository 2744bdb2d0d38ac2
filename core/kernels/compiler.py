"""Compiles C++ for this machine, once.

The library lies in the user's cache folder, or a temporary one where that takes no files, under a name made of all
that it depends on, so that a home directory shared by different machines does no harm. It is not linked to PyTorch.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from core import files, folders
from core.errors import DamagedFile

FLAGS = ("-std=c++17", "-O3", "-march=native", "-fPIC")
COMPILE_SECONDS = 120.0
# Of Linux on x86-64, where alone it is asked: a system call, what it is to do, and what for.
ARCH_PRCTL, REQUEST_PERMISSION, TILE_DATA = 158, 0x1023, 18


class Unavailable(Exception):
    """Why something compiled cannot be had on this machine, in a few words."""


def load(sources: Sequence[Path], options: Sequence[str]) -> ctypes.CDLL:
    """The library made of these sources, compiled if it is not yet. Raises Unavailable."""
    try:
        return ctypes.CDLL(str(compiled(sources, options)))
    except OSError as error:
        raise Unavailable(str(error)) from error


def compiled(sources: Sequence[Path], options: Sequence[str]) -> Path:
    """The file of that library. Its .cpp files are compiled at the same time; the others are what they include.

    Raises Unavailable.
    """
    compiler = shutil.which(os.environ.get("CXX") or "c++") or shutil.which("g++")
    if compiler is None:
        raise Unavailable("no C++ compiler")
    try:
        name = f"{_fingerprint(compiler, sources, options)}.so"
        target = folders.cache_dir() / "kernels" / name
        if not target.exists():
            target = folders.dir_for_made("kernels") / name
        if not target.exists():
            files.replace(target, _compile([compiler, *FLAGS, *options], sources))
    except subprocess.CalledProcessError as error:
        raise Unavailable(f"the compiler refused: {(error.stderr.strip().splitlines() or ['no word'])[0]}") from error
    except (OSError, DamagedFile, subprocess.TimeoutExpired) as error:
        raise Unavailable(str(error)) from error
    return target


def _compile(command: Sequence[str], sources: Sequence[Path]) -> bytes:
    """The library. Raises OSError, CalledProcessError or TimeoutExpired."""
    units = [source for source in sources if source.suffix == ".cpp"]
    with tempfile.TemporaryDirectory() as name, ThreadPoolExecutor(len(units)) as pool:
        folder = Path(name)
        objects = [folder / f"{unit.stem}.o" for unit in units]
        list(pool.map(lambda unit, to: _call([*command, "-c", unit, "-o", to]), units, objects))
        library = folder / "kernels.so"
        _call([*command, "-shared", *objects, "-o", library])
        return library.read_bytes()


def _call(words: Sequence[str | Path]) -> None:
    subprocess.run(words, check=True, capture_output=True, text=True, errors="replace", timeout=COMPILE_SECONDS)


def has_bfloat16() -> bool:
    """Whether the processor multiplies bfloat16 by itself; elsewhere it is slower than float32."""
    return any({"avx512_bf16", "amx_tile"} & set(line.split()) for line in _processor())


def bfloat16_is_faster() -> bool:
    """Whether products of bfloat16 are faster here than those of float32.

    Without tiles a step in float32 takes 0.8 of the time on Intel: it begins such an instruction every other cycle.
    """
    is_intel = any(line.startswith("model name") and "Intel" in line for line in _processor())
    return has_bfloat16() and (not is_intel or may_use_tiles())


def may_use_tiles() -> bool:
    """Whether this process may multiply matrices of bfloat16 (AMX): Linux gives that to those who ask, for good."""
    if not any("amx_bf16" in line.split() for line in _processor()):
        return False
    return bool(ctypes.CDLL(None).syscall(ARCH_PRCTL, REQUEST_PERMISSION, TILE_DATA) == 0)


def _fingerprint(compiler: str, sources: Sequence[Path], options: Sequence[str]) -> str:
    """Of everything that decides what the compiler makes, or whether it runs here."""
    found = Path(compiler).resolve()
    parts = [source.read_text("utf-8") for source in sources]
    parts += [*FLAGS, *options, str(found), str(found.stat().st_mtime_ns), platform.machine(), *_processor()]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


def _processor() -> list[str]:
    """What Linux says of the kind of processor and of what it can do; nothing elsewhere."""
    found = Path("/proc/cpuinfo")
    lines = found.read_text("utf-8", "replace").splitlines() if found.exists() else []
    return sorted({line for line in lines if line.startswith(("model name", "flags", "Features"))})
