"""The options of commands: those that several have, and those made from the settings of a run."""

from __future__ import annotations

import functools
import inspect
import shlex
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import typer

from core import files
from core.errors import ConfigError, UserError
from core.runs.catalog import find_runs
from core.runs.run import SHARED, Run, Share
from core.runs.settings import SETTINGS, default_text
from core.text import either, printable

# Values are taken as text, with None for the default: core.runs.config explains what is wrong with one, everywhere
# in the same words. Names are given in full, as some releases of typer would take them from the metavar.
Command = Callable[..., None]


def complete_run(context: typer.Context, incomplete: str) -> list[str]:
    """The names of runs that begin so, for the shell."""
    with suppress(OSError, UserError):  # a shell shows no reasons
        runs_dir = files.expanded(context.params.get("runs_dir") or RUNS_DIR)
        return [run.name for run in find_runs(runs_dir) if run.name.startswith(incomplete)]
    return []


def expand(path: Path | None) -> Path | None:
    """A path as typed, with `~` as the home folder: shells leave it alone after `=` and in variables."""
    return None if path is None else files.expanded(path)


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
Out = Annotated[
    Path | None,
    typer.Option(
        "--out",
        help="Write a picture or a table instead of drawing.",
        metavar="FILE.png|.csv",
        callback=expand,
        show_default=False,
    ),
]
Shared = Annotated[
    str | None,
    typer.Option(
        "--share",
        help="Who may read the run besides you.",
        metavar="|".join(SHARED),
        show_default="nobody",
        autocompletion=lambda: list(SHARED),
    ),
]
Digit = Annotated[
    str | None, typer.Option("--digit", help="The digit, of a learned prior.", metavar="N", show_default="any")
]
Guidance = Annotated[
    str | None,
    typer.Option(
        "--guidance",
        help="How much the digit matters to a learned prior.",
        metavar="X",
        show_default="1: no guidance",
    ),
]
Steps = Annotated[
    str | None,
    typer.Option("--steps", help="In how many a learned prior denoises.", metavar="N", show_default="10; 50 for ddpm"),
]
RUNS_DIR = Path("checkpoints")


def check_share(name: str | None) -> Share | None:
    """With whom a new run is shared. Raises ConfigError."""
    for share in SHARED:
        if name == share:
            return share
    if name is not None:
        raise ConfigError({"share": f"share must be {either(list(SHARED))}, not {name[:60]!r}"})
    return None


def command_hint(run: Run, command: str = "", *arguments: str) -> str:
    """What to type to look at a run, or to do something with it."""
    words = ["vae-tui", *filter(None, [command]), run.name, *arguments]
    if run.path.parent != RUNS_DIR.absolute():
        words += ["--runs-dir", str(run.path.parent)]
    return printable(shlex.join(words))


def setting_option(name: str, *, help: str = "", metavar: str = "", default: str = "") -> Any:  # noqa: A002
    """The option of a setting, as typer takes it."""
    setting = SETTINGS[name]
    shown = default or default_text(name)
    return typer.Option(
        f"--{name.replace('_', '-')}",
        help=help or f"{setting.help}.",
        metavar=metavar or setting.metavar,
        show_default=shown or False,
        autocompletion=complete_run if name == "first_stage" else lambda: list(setting.choices),
    )


def takes_settings(options: dict[str, Any]) -> Callable[[Command], Command]:
    """Give a command these options, by the names of settings; it gets what was typed as its argument `settings`."""

    def decorate(function: Command) -> Command:
        @functools.wraps(function)
        def command(**values: Any) -> None:
            settings = {name: values.pop(name) for name in options}
            function(settings={name: value for name, value in settings.items() if value is not None}, **values)

        made = [
            inspect.Parameter(
                name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[str | None, option]
            )
            for name, option in options.items()
        ]
        own = [
            parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)
            for name, parameter in inspect.signature(function, eval_str=True).parameters.items()
            if name != "settings"
        ]
        command.__signature__ = inspect.Signature([*made, *own])  # type: ignore[attr-defined]
        command.__annotations__ = {parameter.name: parameter.annotation for parameter in (*made, *own)}
        return command

    return decorate
