"""Tries the suite with other releases of what we need: `python -m tests.environments FOLDER lowest -- tests/core`.

`lowest` is an environment with the oldest release of each package that pyproject.toml admits, `newest` one with what
pip takes by itself. Both are made in the folder, by the Python that `--python` names, and used again when they are
there; six GB each, most of it PyTorch. Into each goes the wheel of this checkout: in an empty folder its commands list,
train, draw and export; then pytest runs here with the words after `--`, or the whole suite.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
EXTRAS = ("test", "tensorboard", "serve", "onnx")
KINDS = ("lowest", "newest")
LARGEST = 15_000_000  # bytes of a wheel
COMMANDS = (
    "--version",
    "examples",
    "runs",
    "train --name tried --preset vae --dataset mnist-5k --epochs 1 --device cpu",
    "resume tried --epochs 2",
    "watch tried",
    "reconstruct tried --out digits.png",
    "sample prior-mnist --seed 1 --out samples.npz",
    "latent tried --projection pca --out plane.csv",
    "export tried --onnx",
    "export tried --tensorboard",
    "pack tried",
    "doctor --json",
)


def requirements() -> list[Requirement]:
    """What the project and its extras ask for."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    words = [*project["dependencies"], *(word for extra in EXTRAS for word in project["optional-dependencies"][extra])]
    return [Requirement(word) for word in words]


def lowest(wanted: Requirement) -> str:
    """The oldest release that is admitted, as pip is told to take it. Raises ValueError where there is no bound."""
    floors = [each.version for each in wanted.specifier if each.operator == ">="]
    if len(floors) != 1:
        raise ValueError(f"{wanted} has no lower bound")
    return f"{wanted.name}=={floors[0]}"


def build(folder: Path) -> Path:
    """The wheel of this checkout. Raises ValueError where it is too large."""
    with tempfile.TemporaryDirectory() as place:
        subprocess.run([sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", place, ROOT], check=True)
        (wheel,) = Path(place).glob("*.whl")
        folder.mkdir(parents=True, exist_ok=True)
        built = Path(shutil.copy(wheel, folder))
    if (size := built.stat().st_size) > LARGEST:
        raise ValueError(f"{built.name} has {size / 1e6:.1f} MB, more than {LARGEST / 1e6:.0f}")
    return built


def make(folder: Path, kind: str, python: str, wheel: Path) -> Path:
    """The interpreter of an environment with the wheel in it."""
    version = subprocess.run([python, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"], check=True,
                             capture_output=True, text=True).stdout.strip()  # fmt: skip
    interpreter = folder / f"{kind}-{version}" / "bin" / "python"
    if not interpreter.exists():
        subprocess.run([python, "-m", "venv", interpreter.parents[1]], check=True)
    pip = [str(interpreter), "-m", "pip", "install", "-q"]
    pinned = sorted({lowest(wanted) for wanted in requirements()}) if kind == "lowest" else []
    subprocess.run([*pip, f"{wheel}[{','.join(EXTRAS)}]", *pinned], check=True)
    subprocess.run([*pip, "--force-reinstall", "--no-deps", str(wheel)], check=True)  # of the same number, of before
    return interpreter


def try_commands(interpreter: Path) -> None:
    """Use the wheel in an empty folder, away from the checkout. Raises CalledProcessError."""
    with tempfile.TemporaryDirectory() as place:
        own = {name: str(Path(place) / name) for name in ("XDG_CACHE_HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME")}
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | own
        for command in COMMANDS:
            words = [str(interpreter.with_name("vae-tui")), *command.split()]
            subprocess.run(words, cwd=place, env=environment, check=True, stdout=subprocess.DEVNULL)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where the environments are made")
    parser.add_argument("kinds", nargs="+", choices=KINDS)
    parser.add_argument("--python", default=sys.executable, help="the Python of the environments")
    words = sys.argv[1:]
    words, tests = (words[: words.index("--")], words[words.index("--") + 1 :]) if "--" in words else (words, [])
    given = parser.parse_args(words)
    folder = given.folder.absolute()
    wheel = build(folder)
    print(f"{wheel.name}: {wheel.stat().st_size / 1e6:.1f} MB", flush=True)
    failed = []
    for kind in given.kinds:
        interpreter = make(folder, kind, given.python, wheel)
        try_commands(interpreter)
        print(f"{kind}: commands of the wheel work; pytest {' '.join(tests)}", flush=True)
        if subprocess.run([interpreter, "-m", "pytest", *tests], cwd=ROOT, check=False).returncode:
            failed.append(kind)
    sys.exit(f"failed with: {', '.join(failed)}" if failed else 0)


if __name__ == "__main__":
    main()
