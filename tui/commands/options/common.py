"""The options that several commands have."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated, Any

import typer

from core import files
from core.errors import ConfigError, DamagedFile, DataError, UserError
from core.runs.catalog import find_runs
from tui.commands.words import RUNS_DIR

# Names are given in full, as some releases of typer would take them from the metavar.


def complete_run(context: typer.Context, incomplete: str) -> list[str]:
    """The names of runs that begin so, for the shell."""
    with suppress(OSError, UserError):  # a shell shows no reasons
        runs_dir = files.expanded(context.params.get("runs_dir") or RUNS_DIR)
        return [run.name for run in find_runs(runs_dir) if run.name.startswith(incomplete)]
    return []


def expand(path: Path | None) -> Path | None:
    """A path as typed, with `~` as the home folder: shells leave it alone after `=` and in variables."""
    return None if path is None else files.expanded(path)


@contextmanager
def files_as_named() -> Iterator[None]:
    """Say of a damaged file there that the user named it so: by its path, where files of runs are named by their run.

    Raises DataError.
    """
    try:
        yield
    except DamagedFile as error:
        raise DataError(f"{error.path}: {error.reason}") from error


RunName = Annotated[str, typer.Argument(metavar="RUN", help="Name of the run.", autocompletion=complete_run)]
RunsDir = Annotated[
    Path, typer.Option("--runs-dir", help="Folder that holds the runs.", metavar="DIR", callback=expand)
]
DataDir = Annotated[
    Path | None,
    typer.Option(
        "--data-dir",
        help="Folder of the image sets, laid out as torchvision does.",
        metavar="DIR",
        envvar="VAE_TUI_DATA",
        callback=expand,
        show_default="the user's cache folder",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Detach = Annotated[bool, typer.Option("--detach", help="Return once training has begun.")]
Queue = Annotated[
    bool, typer.Option("--queue", help="Have it wait in the queue until there is a core or a GPU for it.")
]
OnFinish = Annotated[
    str | None,
    typer.Option(
        "--on-finish",
        help="What the shell is to do once a run has ended; VAE_TUI_RUN, VAE_TUI_STATE and others tell of it.",
        metavar="COMMAND",
        show_default=False,
    ),
]
TimeLimit = Annotated[
    str | None,
    typer.Option(
        "--time-limit",
        help="Save and stop before that much time is over, such as 4h, 90m or 1:30:00.",
        metavar="DURATION",
        show_default=False,
    ),
]


def check_folder(out: Path) -> None:
    """Raises ConfigError early where a file cannot be written, as its folder is not there, or is one itself."""
    if not out.absolute().parent.is_dir():
        raise ConfigError({"out": f"out cannot be {out}: there is no folder {out.parent}"})
    if out.is_dir():
        raise ConfigError({"out": f"out cannot be {out}: that is a folder"})


def out_option(what: str, endings: str) -> Any:
    """The option that names a file to write."""
    return typer.Option("--out", help=what, metavar=f"FILE{endings}", callback=expand, show_default=False)


Out = Annotated[Path | None, out_option("Write a picture or a table instead of drawing.", ".png|.csv")]
SamplesOut = Annotated[
    Path | None, out_option("Write a picture, a table or arrays with the latents instead of drawing.", ".png|.csv|.npz")
]
