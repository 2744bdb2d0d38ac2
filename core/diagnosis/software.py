"""Looks at what is installed, without loading any of it: doctor says what is missing where nothing can be computed."""

from __future__ import annotations

from collections.abc import Iterator

from core import packages
from core.diagnosis.finding import Finding
from core.runs.config import installed_versions


def examine() -> Iterator[Finding]:
    """Findings about versions, and what an installation without its dependencies lacks."""
    yield Finding("versions", ", ".join(f"{name} {version}" for name, version in installed_versions().items()))
    if missing := packages.missing():
        text = "missing: " + ", ".join(f"{package.name} ({package.use})" for package in missing)
        install = f"pip install {' '.join(package.name for package in missing)}"
        yield Finding("packages", text, install, hinders=any(package.essential for package in missing))


def unusable(error: Exception) -> Finding:
    """That what is installed cannot be loaded, as after half an update."""
    said = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return Finding("PyTorch", f"cannot be loaded: {said}", "pip install --force-reinstall torch torchvision", True)
