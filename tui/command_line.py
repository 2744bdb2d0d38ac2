"""The command line: commands with their options, made by typer."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from importlib import import_module
from typing import Annotated

import typer

from tui import opening
from tui.commands.options.common import DataDir, RunsDir, complete_run
from tui.commands.output import EXIT_BAD_INPUT, print_error, print_version
from tui.commands.words import COMMANDS, RUNS_DIR

# Typer carries its own copy of click since 0.26; both give the errors of a user this base.
UsageProblem: type[Exception] = next(base for base in typer.BadParameter.__mro__ if base.__name__ == "ClickException")
LOOK_AT_RUNS = ("train", "resume", "fork", "sweep", "control", "runs", "watch", "queue")
OPTIONS = ("-h", "--help", "--version", "--install-completion", "--show-completion")


def command_line(names: Iterable[str] = COMMANDS) -> typer.Typer:
    """The command line with these commands; the modules of others are not loaded, which takes as long as the app."""
    made = typer.Typer(
        name="vae-tui",
        help="Train and explore autoencoders in the terminal. [bold]vae-tui \\[RUN][/bold] opens the app.",
        rich_markup_mode="rich",
        no_args_is_help=False,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    made.callback(invoke_without_command=True)(root)
    for name in names:
        module, function, purpose = COMMANDS[name]
        made.command(name, help=purpose)(getattr(import_module(module), function))
    return made


def root(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    if version:
        print_version()
        raise typer.Exit


def open_the_app(
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
        from tui.commands import manage

        manage.runs(runs_dir)
        return
    opening.open_app(run, runs_dir, data_dir, graphics)


def sketch(
    run: Annotated[str, typer.Argument(metavar="RUN", help="Run that looks at it.", autocompletion=complete_run)],
    runs_dir: RunsDir = RUNS_DIR,
    data_dir: DataDir = None,
) -> None:
    opening.open_app(run, runs_dir, data_dir, graphics=False, pencil=True)


def with_command(arguments: list[str]) -> list[str]:
    """`vae-tui [RUN] ...` as `vae-tui open [RUN] ...`: what is not a command is a run or an option of the app."""
    return arguments if arguments and arguments[0] in {*COMMANDS, *OPTIONS} else ["open", *arguments]


def needed(arguments: list[str]) -> Iterable[str]:
    """The commands that have to be known: those that are named, or all where they are listed or completed."""
    listed = "_VAE_TUI_COMPLETE" in os.environ or arguments[0] in ("-h", "--help")
    return COMMANDS if listed else [name for name in COMMANDS if name in arguments]


def run(arguments: list[str]) -> None:
    """Do what the words say, and end this process; words that no command takes are one line and exit status 2."""
    words = with_command(arguments)
    if words[0] in LOOK_AT_RUNS and "_VAE_TUI_COMPLETE" not in os.environ:
        from tui.commands.training.queue import start_what_waits

        start_what_waits()
    try:
        sys.exit(command_line(needed(words))(words, standalone_mode=False, prog_name="vae-tui"))
    except UsageProblem as error:
        print_error(error.format_message())  # type: ignore[attr-defined]
        sys.exit(EXIT_BAD_INPUT)
