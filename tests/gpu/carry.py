"""Prepares a folder with all that a bare GPU machine needs for the report: `python -m tests.gpu.carry FOLDER`.

The machine has Python 3.12, torch, triton, torchvision, scikit-learn, safetensors, numpy, matplotlib, pillow and rich.
In the folder come to lie `tree` (this project), `site` (other packages, unpacked) and `data` (MNIST, packed). There:
`cd FOLDER/tree && PYTHONPATH=.:../site python3 -m tests.gpu.report --data ../data --out DIR`.
"""

from __future__ import annotations

import argparse
import gzip
import shutil
import subprocess
import sys
import tempfile
import zipfile
from importlib.metadata import version
from pathlib import Path

PACKAGES = (
    "annotated-doc", "annotated-types", "linkify-it-py", "markdown-it-py", "mdit-py-plugins", "mdurl", "mlxtend",
    "nvidia-ml-py", "platformdirs", "plotext", "psutil", "pydantic", "pydantic-core", "pygments", "rich", "textual",
    "threadpoolctl", "typer", "typing-extensions", "typing-inspection",
)  # fmt: skip
PLATFORMS = ("manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64", "manylinux_2_12_x86_64")
ROOT = Path(__file__).parents[2]
FOLDERS = ("core", "tui", "tests")


def carry(folder: Path, mnist: Path | None, python: str = "3.12") -> int:
    """Fill the folder; the bytes in it."""
    folder.mkdir(parents=True, exist_ok=True)
    copy_tree(folder / "tree")
    if not (folder / "site").is_dir():
        unpack(folder / "site", python)
    if mnist is not None:
        raw = folder / "data" / "MNIST" / "raw"
        raw.mkdir(parents=True, exist_ok=True)
        for file in sorted(mnist.glob("*-ubyte")):
            with gzip.open(raw / f"{file.name}.gz", "wb") as packed:
                packed.write(file.read_bytes())
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def copy_tree(goal: Path) -> None:
    """The project's code as it is now."""
    shutil.rmtree(goal, ignore_errors=True)
    for name in FOLDERS:
        shutil.copytree(
            ROOT / name, goal / name, ignore=shutil.ignore_patterns("__pycache__", "*.raw", "__snapshots__")
        )
    for file in (*ROOT.glob("*.toml"), *ROOT.glob("*.py")):
        shutil.copy(file, goal)


def unpack(goal: Path, python: str) -> None:
    """The packages, in this environment's versions, for another Python."""
    platforms = [word for platform in PLATFORMS for word in ("--platform", platform)]
    names = [f"{name}=={version(name)}" for name in PACKAGES]
    with tempfile.TemporaryDirectory() as wheels:
        subprocess.run(
            [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary=:all:", "--implementation",
             "cp", "--python-version", python, *platforms, "-d", wheels, *names],
            check=True,
        )  # fmt: skip
        for wheel in Path(wheels).glob("*.whl"):
            zipfile.ZipFile(wheel).extractall(goal)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--mnist", type=Path, help="a folder with MNIST's four files, unpacked")
    given = parser.parse_args()
    print(f"{given.folder}: {carry(given.folder, given.mnist) / 2**20:.0f} MiB")


if __name__ == "__main__":
    main()
