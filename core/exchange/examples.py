"""The trained runs that come with the program, put where runs are kept."""

from __future__ import annotations

import shutil
from pathlib import Path

from core import files
from core.runs.catalog import find_runs
from core.runs.run import KEPT, SHARED, NameTaken, Run, Share

# Where they lie in an installed program, and in its repository.
PLACES = Path(__file__).parents[1] / "examples", Path(__file__).parents[2] / "checkpoints"


def examples() -> list[Run]:
    """The runs as they came; none where somebody left them out. Raises OSError."""
    return next((found for place in PLACES if (found := find_runs(place))), [])


def copy(example: Run, runs_dir: Path, share: Share | None = None) -> Run:
    """An example among a user's own runs, under its name. Raises NameTaken where that is taken, or OSError."""
    run = Run(runs_dir.absolute() / example.name)

    def fill(folder: Path) -> None:
        for name in KEPT:
            if (example.path / name).exists():
                shutil.copyfile(example.path / name, folder / name)

    try:
        files.make_folder(run.path, SHARED[share] if share else 0o700, fill)
    except FileExistsError:
        raise NameTaken({"name": f"name {run.name} is taken: {run.path} exists"}) from None
    return run
