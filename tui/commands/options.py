"""The options and arguments that several commands have."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from core.runs.catalog import find_runs
from core.runs.run import Run
from core.text import printable


def complete_run(context: typer.Context, incomplete: str) -> list[str]:
    """The names of runs that begin so, for the shell."""
    runs_dir = context.params.get("runs_dir") or "checkpoints"
    return [run.name for run in find_runs(runs_dir) if run.name.startswith(incomplete)]


RunName = Annotated[str, typer.Argument(metavar="RUN", help="Name of the run.", autocompletion=complete_run)]
RunsDir = Annotated[Path, typer.Option(help="Folder that holds the runs.", metavar="DIR")]
DataDir = Annotated[
    Path | None,
    typer.Option(
        help="Folder of the image sets, laid out as torchvision does.",
        metavar="DIR",
        envvar="VAE_TUI_DATA",
        show_default="the user's cache folder",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Out = Annotated[
    Path | None,
    typer.Option(help="Write a picture or a table instead of drawing.", metavar="FILE.png|.csv", show_default=False),
]
Digit = Annotated[str | None, typer.Option(help="The digit, of a learned prior.", metavar="N", show_default="any")]
Guidance = Annotated[
    str | None,
    typer.Option(help="How much the digit matters to a learned prior.", metavar="X", show_default="1: no guidance"),
]
Steps = Annotated[
    str | None,
    typer.Option(help="In how many a learned prior denoises.", metavar="N", show_default="10; 50 for ddpm"),
]
RUNS_DIR = Path("checkpoints")


def command_hint(run: Run, command: str = "", *arguments: str) -> str:
    """What to type to look at a run, or to do something with it."""
    words = ["vae-tui", *filter(None, [command]), run.name, *arguments]
    if run.path.parent != RUNS_DIR.absolute():
        words += ["--runs-dir", str(run.path.parent)]
    return printable(shlex.join(words))
