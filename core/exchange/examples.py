"""The trained runs that come with the program, put where runs are kept."""

from __future__ import annotations

import shutil
from pathlib import Path

from core import files
from core.runs.catalog import is_run
from core.runs.run import SHARED, NameTaken, Run, Share
from core.runs.snapshots.folder import files_of, folder_of

NAMES = ("ae-mnist", "vae-post-mnist", "vae-mnist", "prior-mnist")
# Where they lie in an installed program, and in its repository, among runs that were trained there.
PLACES = Path(__file__).parents[1] / "examples", Path(__file__).parents[2] / "checkpoints"


def examples() -> list[Run]:
    """The runs as they came; none where somebody left them out."""
    places = (Run(place / name) for place in reversed(PLACES) for name in NAMES)
    found = {run.name: run for run in places if is_run(run.path)}
    return [found[name] for name in NAMES if name in found]


def copy(example: Run, runs_dir: Path, share: Share | None = None) -> Run:
    """An example among a user's own runs, under its name. Raises NameTaken where that is taken, or OSError."""
    run = Run(runs_dir.absolute() / example.name)

    def fill(folder: Path) -> None:
        for name in files_of(example):
            if (folder / name).parent != folder:
                (folder / name).parent.mkdir(exist_ok=True)
            shutil.copyfile(example.path / name, folder / name)
        files.share_folder(folder_of(folder))

    try:
        files.make_folder(run.path, SHARED[share] if share else 0o700, fill)
    except FileExistsError:
        raise NameTaken({"name": f"name {run.name} is taken: {run.path} exists"}) from None
    return run
