"""The large packages that all of this computes with, any of which may be missing where it was installed by hand."""

from __future__ import annotations

from importlib.util import find_spec
from typing import NamedTuple


class Package(NamedTuple):
    """A package as pip names it, the module that it is, what needs it, and whether nothing is computed without it."""

    name: str
    module: str
    use: str
    essential: bool = False


PACKAGES = (
    Package("torch", "torch", "PyTorch, which trains and looks into runs", essential=True),
    Package("numpy", "numpy", "all that computes or draws", essential=True),
    Package("torchvision", "torchvision", "image sets"),
    Package("scikit-learn", "sklearn", "the latent plane, mixtures"),
    Package("matplotlib", "matplotlib", "curves and planes as PNG"),
    Package("pillow", "PIL", "pictures as PNG"),
)


# What single things need besides, as pyproject.toml has them under these names.
EXTRAS = {
    "onnx": ("onnx", "onnxruntime"),
    "serve": ("textual-serve",),
    "slurm": ("submitit",),
    "tensorboard": ("tensorboardX",),
    "umap": ("umap-learn",),
}


def needs(what: str, extra: str) -> str:
    """What to say where an extra is missing. The packages are named: that works in a checkout and out of one."""
    names = EXTRAS[extra]
    return f"{what} {' and '.join(names)}: pip install {' '.join(names)}"


def missing() -> list[Package]:
    """Those that are not installed; none of them is loaded."""
    return [package for package in PACKAGES if find_spec(package.module) is None]


def lacking(*names: str) -> str:
    """What to say where nothing can be computed for want of a package, or one of these is missing; else nothing."""
    essential = [package for package in missing() if (package.name in names if names else package.essential)]
    return _complaint(essential) if essential else ""


def complaint(error: BaseException) -> str:
    """What to say of an import that failed for want of one of these packages; nothing of any other error."""
    name = error.name if isinstance(error, ModuleNotFoundError) else None
    found = [package for package in PACKAGES if package.module == name]
    return _complaint(found) if found else ""


def _complaint(packages: list[Package]) -> str:
    names = " and ".join(package.name for package in packages)
    install = " ".join(package.name for package in packages)
    are = "are" if len(packages) > 1 else "is"
    return f"{names} {are} not installed: pip install {install}; vae-tui doctor says what else is missing"
