"""Compiles C++ for this machine, once.

The library lies in the user's cache folder under a name made of all that it depends on, so that a home directory
shared by different machines does no harm. It is not linked to PyTorch.
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
from pathlib import Path

from core import files

FLAGS = ("-std=c++17", "-O3", "-march=native", "-shared", "-fPIC")
COMPILE_SECONDS = 120.0


class Unavailable(Exception):
    """Why something compiled cannot be had on this machine, in a few words."""


def load(sources: Sequence[Path], options: Sequence[str]) -> ctypes.CDLL:
    """The library of the first source, which includes the others; compiled if it is not yet. Raises Unavailable."""
    try:
        return ctypes.CDLL(str(_compiled(sources, options)))
    except subprocess.CalledProcessError as error:
        raise Unavailable(f"the compiler refused: {(error.stderr.strip().splitlines() or ['no word'])[0]}") from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unavailable(str(error)) from error


def _compiled(sources: Sequence[Path], options: Sequence[str]) -> Path:
    compiler = shutil.which(os.environ.get("CXX") or "c++") or shutil.which("g++")
    if compiler is None:
        raise Unavailable("no C++ compiler")
    target = files.cache_dir() / "kernels" / f"{_fingerprint(compiler, sources, options)}.so"
    if not target.exists():
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory() as folder:
            library = Path(folder) / "kernels.so"
            command = [compiler, *FLAGS, *options, str(sources[0]), "-o", str(library)]
            subprocess.run(command, check=True, capture_output=True, text=True, timeout=COMPILE_SECONDS)
            files.replace(target, library.read_bytes())
    return target


def _fingerprint(compiler: str, sources: Sequence[Path], options: Sequence[str]) -> str:
    """Of everything that decides what the compiler makes, or whether it runs here."""
    found = Path(compiler).resolve()
    parts = [source.read_text() for source in sources]
    parts += [*FLAGS, *options, str(found), str(found.stat().st_mtime_ns), platform.machine()]
    processor = Path("/proc/cpuinfo")
    if processor.exists():
        lines = processor.read_text().splitlines()
        parts += sorted({line for line in lines if line.startswith(("model name", "flags", "Features"))})
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]
