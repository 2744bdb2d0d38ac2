"""The trash: where deleted runs lie until they are taken back, or their user removes them."""

from __future__ import annotations

import shutil
import stat
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from pathlib import Path

from core import files
from core.errors import DamagedFile, RunError
from core.runs.catalog import find_runs, folders
from core.runs.keeping.names import unused_name
from core.runs.run import Run
from core.text import alternatives

TIME_FORM = "%Y%m%dT%H%M%S.%f"
TRASH = ".trash"  # in the folder of the runs; in it a folder for each run that was deleted, named after the time


def discard(run: Run) -> Run:
    """Move a run into the trash beside it; the run there. Raises RunError while a trainer has it, or OSError."""
    runs_dir = run.path.parent
    place = runs_dir / TRASH / datetime.now(UTC).strftime(TIME_FORM)
    with ExitStack() as stack:
        # A trainer would have made metrics.jsonl, and could not use what is no file.
        with suppress(FileNotFoundError, DamagedFile):
            stack.enter_context(run.lock())
        run.check_there()
        for folder in (place.parent, place):
            with suppress(FileExistsError):
                folder.mkdir()
                files.let_in(folder, stat.S_IMODE(runs_dir.stat().st_mode))  # who may delete may take back
        try:
            run.path.rename(place / run.name)
        except OSError:
            place.rmdir()
            raise
    return Run(place / run.name)


def find_deleted(runs_dir: Path | str) -> list[Run]:
    """The runs in the trash of a folder, the one deleted last first. Raises OSError."""
    trash = Path(runs_dir).absolute() / TRASH
    return [run for place in sorted(folders(trash), reverse=True) for run in find_runs(trash / place)]


def deleted_at(deleted: Run) -> float | None:
    """When a run came into the trash, in seconds since 1970; None where its folder is not named after a time."""
    try:
        return datetime.strptime(deleted.path.parent.name, TIME_FORM).replace(tzinfo=UTC).timestamp()
    except ValueError:
        return None


def remove(deleted: Run) -> None:
    """Remove a run in the trash for good. Raises RunError for one that is not there, or OSError."""
    place = deleted.path.parent
    if place.parent.name != TRASH:
        raise RunError(f"{deleted.name} is not in the trash")
    shutil.rmtree(deleted.path)
    with suppress(OSError):  # it holds something else
        place.rmdir()


def find_in_trash(deleted: Sequence[Run], name: str) -> Run:
    """The one of these that had that name and was deleted last. Raises RunError naming those there are."""
    for run in deleted:
        if run.name == name:
            return run
    names = list(dict.fromkeys(run.name for run in deleted))
    raise RunError(f"no run named {name[:100]!r} in the trash; {alternatives(name, names)}")


def restore(deleted: Run) -> Run:
    """Take a run back from the trash, under another name where its own is in use by now. Raises RunError or OSError."""
    place = deleted.path.parent
    runs_dir = place.parent.parent
    restored = Run(runs_dir / unused_name(runs_dir, deleted.name))
    try:
        deleted.path.rename(restored.path)
    except FileNotFoundError:
        raise RunError(f"{deleted.name} is no longer in the trash") from None
    with suppress(OSError):  # it holds something else
        place.rmdir()
    return restored
