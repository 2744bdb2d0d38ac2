"""Collects what a machine without a network is given: this program and what it needs, but for what is large."""

from __future__ import annotations

import platform
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from core import program
from core.errors import RunError
from core.text import closest

PROGRAM = "vae-tui"
BASE = ("torch", "torchvision", "numpy", "pillow")
# What is on a machine that has PyTorch to compute with; mlxtend needs the last three for what is not used of it.
THERE = (*BASE, "scikit-learn", "matplotlib", "scipy", "joblib", "pandas")
GLIBC = ("manylinux_2_28", "manylinux_2_17", "manylinux2014", "manylinux_2_12", "manylinux2010", "manylinux1")
NAME = re.compile(r"([A-Za-z0-9._-]+)\s*(?:\[([^\]]*)\])?")
EXTRA = re.compile(r"""extra\s*==\s*["']([^"']+)["']""")
CHECKOUT = program.START.parent


def needed(also: Iterable[str] = ()) -> list[str]:
    """The packages to fetch, in this environment's versions, as pip is told.

    `also` are some of those that are left out: they come with what they need. Raises RunError for others.
    """
    also = set(also)
    for name in also.difference(THERE):
        meant = closest(name, THERE)
        raise RunError(f"{name} is not left out" + (f"; did you mean {meant}?" if meant else ""))
    versions, looked_at = dict[str, str](), set[tuple[str, str]]()
    ahead = [(PROGRAM, "", THERE), *((name, "", BASE) for name in also)]
    while ahead:
        name, extra, left_out = ahead.pop()
        if (name, extra) in looked_at or (name in left_out and name not in also):
            continue
        looked_at.add((name, extra))
        try:
            package = distribution(name)
        except PackageNotFoundError:  # for another system, or another Python
            continue
        versions[name] = package.version
        for wanted in package.requires or ():
            marker = EXTRA.search(wanted)
            if (marker[1] if marker else "") == extra:
                ahead += ((*part, left_out) for part in parts(wanted))
    return sorted(f"{name}=={version}" for name, version in versions.items() if name != PROGRAM)


def parts(requirement: str) -> list[tuple[str, str]]:
    """What a requirement asks for: a package, and each of its extras with it. Names are compared as PEP 503 says."""
    found = NAME.match(requirement)
    if found is None:
        return []
    name = re.sub(r"[-_.]+", "-", found[1]).lower()
    return [(name, extra) for extra in ("", *filter(None, re.split(r"[\s,]+", found[2] or "")))]


def fetch(folder: Path, python: str, also: Sequence[str] = ()) -> list[Path]:
    """Fill the folder with wheels for this Python, such as 3.12, on Linux; the files. Raises RunError or OSError."""
    if not (CHECKOUT / "pyproject.toml").is_file():
        raise RunError("wheels are made in a checkout: pip install -e . there, and call vae-tui again")
    names = needed(also)
    folder.parent.mkdir(parents=True, exist_ok=True)
    machine = platform.machine()
    platforms = [word for libc in GLIBC for word in ("--platform", f"{libc}_{machine}")]
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as place:  # all of them, or none
        pip("wheel", "--no-deps", "--wheel-dir", place, str(CHECKOUT))
        pip(
            *("download", "--no-deps", "--only-binary=:all:", "--implementation", "cp", "--python-version", python),
            *(*platforms, "--platform", "any", "--dest", place, *names),
        )
        folder.mkdir(exist_ok=True)
        for wheel in Path(place).glob("*.whl"):
            wheel.replace(folder / wheel.name)
    return sorted(folder.glob("*.whl"))


def pip(*words: str) -> None:
    """Have pip do this. Raises RunError with the last that it says."""
    command = [sys.executable, "-m", "pip", *words, "--quiet", "--disable-pip-version-check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line.strip()] or ["it says nothing"]
        raise RunError(f"pip {words[0]}: {said[-1]}")
