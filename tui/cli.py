"""The command line of vae-tui."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from core import folders
from core.data import registry
from core.errors import ConfigError, RunError, UserError, describe, is_out_of_memory
from core.runs.catalog import find_run
from core.runs.run import Run
from core.runs.status import ACTIONS
from core.text import closest, either
from tui.commands import doctor, explore, manage, sweep, train
from tui.commands.options import RUNS_DIR, DataDir, RunsDir, complete_run
from tui.commands.output import EXIT_BAD_INPUT, EXIT_FAILED, print_error

if TYPE_CHECKING:
    from tui.terminal.graphics import Graphics

# Typer carries its own copy of click since 0.26; both give the errors of a user this base.
UsageProblem: type[Exception] = next(base for base in typer.BadParameter.__mro__ if base.__name__ == "ClickException")

cli = typer.Typer(
    name="vae-tui",
    help="Train and explore autoencoders in the terminal. [bold]vae-tui \\[RUN][/bold] opens the app.",
    rich_markup_mode="rich",
    no_args_is_help=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@cli.callback(invoke_without_command=True)
def root(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    if version:
        from importlib.metadata import version as installed

        print(f"vae-tui {installed('vae-tui')}")
        raise typer.Exit


def open_app(
    run: Annotated[
        str | None, typer.Argument(metavar="[RUN]", help="Run to show first.", autocompletion=complete_run)
    ] = None,
    runs_dir: RunsDir = RUNS_DIR,
    data_dir: DataDir = None,
    graphics: Annotated[
        bool,
        typer.Option("--graphics", help="Ask the terminal for sixel or kitty graphics; i then switches to them."),
    ] = False,
    once: Annotated[bool, typer.Option("--once", help="Print the runs as they are now.")] = False,
) -> None:
    if once:
        manage.runs(runs_dir)
        return
    chosen = open_run(runs_dir, run) if run else None
    from tui.app import open_in_terminal

    asked = ask_for_graphics() if graphics else None
    open_in_terminal(runs_dir, data_dir or registry.default_data_dir(), chosen, asked)


COMMANDS: dict[str, tuple[Callable[..., None], str]] = {
    "open": (open_app, "Open the app; `vae-tui [RUN]` does the same."),
    "train": (train.train, "Train a new run without the app. Ctrl-C saves and stops."),
    "resume": (train.resume, "Resume a run that was stopped, was lost, has failed or has finished."),
    "sweep": (
        sweep.sweep,
        "Train several runs with different settings, and compare them. Ctrl-C saves and stops.",
    ),
    "control": (manage.control, f"Ask the trainer of a run to {either(ACTIONS)}."),
    "reconstruct": (explore.reconstruct, "Draw validation images and their reconstructions by the newest weights."),
    "sample": (explore.sample, "Draw new digits, decoded from latents that a sampler draws."),
    "latent": (explore.latent, "Draw the latents of images in the plane."),
    "evaluate": (
        explore.evaluate,
        "Measure how good samples, reconstructions and likelihood are, in a minute or two.",
    ),
    "runs": (manage.runs, "List the runs, newest first."),
    "watch": (manage.watch, "Print a line a second about a run, until its training ends."),
    "logs": (manage.logs, "Print the log of a run's trainer."),
    "export": (manage.export, "Make a folder of a run's weights that needs PyTorch only."),
    "data": (manage.data_sets, "List the image sets, which of them are on disk, and where."),
    "doctor": (doctor.doctor, "Say what this terminal and machine can do, what is amiss, and what mends it."),
    "bench": (
        manage.bench,
        "Measure this machine against the budgets of docs/performance.md: ten minutes and more, on an idle machine.",
    ),
}
for name, (command, purpose) in COMMANDS.items():
    cli.command(name, help=purpose)(command)


def open_run(runs_dir: Path, name: str) -> Run:
    """The run of that name. Raises RunError, which names a command that may have been meant."""
    try:
        return find_run(runs_dir, name)
    except RunError as error:
        if command := closest(name, COMMANDS):
            raise RunError(f"there is no command {name!r}; did you mean vae-tui {command}? And {error}") from None
        raise


def ask_for_graphics() -> Graphics:
    """What the terminal draws pictures with. Raises ConfigError saying why it does not."""
    from tui.terminal.detection import detect_graphics
    from tui.terminal.graphics import NoGraphics

    try:
        return detect_graphics()
    except NoGraphics as error:
        raise ConfigError({"graphics": str(error)}) from error


def with_command(arguments: list[str]) -> list[str]:
    """`vae-tui [RUN] ...` as `vae-tui open [RUN] ...`: what is not a command is a run or an option of the app."""
    known = {*COMMANDS, "-h", "--help", "--version", "--install-completion", "--show-completion"}
    return arguments if arguments and arguments[0] in known else ["open", *arguments]


def main() -> None:
    """The entry point: errors of the user become one line and exit status 2."""
    try:
        if not folders.has_home() and "_VAE_TUI_COMPLETE" not in os.environ:
            print_error(f"there is no home folder: what is fetched or made is kept in {folders.temporary_dir()}")
        sys.exit(cli(with_command(sys.argv[1:]), standalone_mode=False, prog_name="vae-tui"))
    except UsageProblem as error:
        print_error(error.format_message())  # type: ignore[attr-defined]
    except UserError as error:
        print_error(describe(error))
    except BrokenPipeError:
        # Whoever read the output has seen enough; nothing may be written to it when the interpreter ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(EXIT_FAILED)
    except OSError as error:
        gone = error.filename is None and folders.current_is_gone()
        print_error("the current folder is gone: go to another one, or give whole paths" if gone else describe(error))
    except Exception as error:
        homeless = isinstance(error, RuntimeError) and not folders.has_home()
        if not homeless and not is_out_of_memory(error):
            raise
        print_error(describe(error))
        sys.exit(EXIT_FAILED)
    sys.exit(EXIT_BAD_INPUT)
