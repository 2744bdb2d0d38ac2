"""The command line of vae-tui."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from core.data import registry
from core.errors import ConfigError, RunError, UserError, describe
from core.jobs import launch
from core.runs.catalog import find_run, find_runs, newest_first, summarise
from core.runs.status import ACTIONS
from tui.commands import explore, sweep, train
from tui.commands.options import RUNS_DIR, DataDir, Json, RunName, RunsDir, complete_run
from tui.commands.output import EXIT_BAD_INPUT, EXIT_FAILED, echo, print_error, print_json

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


@cli.command("open", help="Open the app; `vae-tui [RUN]` does the same.")
def open_app(
    run: Annotated[
        str | None, typer.Argument(metavar="[RUN]", help="Run to show first.", autocompletion=complete_run)
    ] = None,
    runs_dir: RunsDir = RUNS_DIR,
    data_dir: DataDir = None,
    graphics: Annotated[
        bool,
        typer.Option("--graphics", help="Ask the terminal for sixel or kitty graphics, which i then switches on."),
    ] = False,
) -> None:
    from tui.app import open_in_terminal

    chosen = find_run(runs_dir, run) if run else None
    asked = ask_for_graphics() if graphics else None
    open_in_terminal(runs_dir, data_dir or registry.default_data_dir(), chosen, asked)


cli.command(help="Train a new run without the app. Ctrl-C saves and stops.")(train.train)
cli.command(help="Go on with a run that was stopped, lost, has failed or has finished.")(train.resume)
cli.command(help="Train several runs that differ in some settings, and compare them. Ctrl-C saves and stops.")(
    sweep.sweep
)


@cli.command(help=f"Ask the trainer of a run to {', '.join(ACTIONS[:-1])} or {ACTIONS[-1]}.")
def control(
    run: RunName,
    action: Annotated[str, typer.Argument(metavar="|".join(ACTIONS), autocompletion=lambda: list(ACTIONS))],
    runs_dir: RunsDir = RUNS_DIR,
) -> None:
    if action not in ACTIONS:
        raise ConfigError({"action": f"action must be one of {', '.join(ACTIONS)}, not {action[:60]!r}"})
    launch.send_request(find_run(runs_dir, run), action)
    echo(f"asked {run} to {action}")


cli.command(help="Draw validation images and what the newest weights make of them.")(explore.reconstruct)
cli.command(help="Draw new digits, decoded from latents that a sampler draws.")(explore.sample)
cli.command(help="Draw the latents of images in the plane.")(explore.latent)
cli.command(help="Measure how good samples, reconstructions and likelihood are, in a minute or two.")(explore.evaluate)


@cli.command(help="List the runs, newest first.")
def runs(runs_dir: RunsDir = RUNS_DIR, as_json: Json = False) -> None:
    summaries = newest_first(summarise(run) for run in find_runs(runs_dir))
    if as_json:
        print_json([summary.as_json() for summary in summaries])
        return
    from tui.commands.tables import print_runs

    print_runs(summaries, runs_dir)


@cli.command("data", help="List the image sets, which are on disk, and where.")
def data_sets(
    data_dir: DataDir = None,
    as_json: Json = False,
    download: Annotated[
        str | None, typer.Option(help="Fetch this set first.", metavar="SET", show_default=False)
    ] = None,
) -> None:
    folder = (data_dir or registry.default_data_dir()).absolute()
    if download is not None:
        from tui.commands.download import download_in_terminal

        download_in_terminal(registry.resolve(download, folder), folder)
    sets = registry.describe_sets(folder)
    if as_json:
        print_json([found.as_json() for found in sets])
        return
    from tui.commands.tables import print_sets

    print_sets(sets, folder)


@cli.command(
    help="Measure this machine against the budgets of docs/performance.md. It takes ten minutes and more, on a machine "
    "that is idle otherwise."
)
def bench(
    only: Annotated[
        list[str] | None,
        typer.Option(help="training, viewer, curves or latents; may be given again.", metavar="PART"),
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Small sizes, to see that it works.")] = False,
    as_json: Json = False,
) -> None:
    checkout = Path(__file__).parents[1]
    if not (checkout / "tests" / "benchmarks").is_dir():
        raise RunError("the benchmarks are part of the repository: install it with pip install -e '.[test]'")
    if find_spec("pyte") is None:
        raise RunError("the benchmarks need what the tests need: pip install -e '.[test]'")
    options = [*(f"--only={part}" for part in only or ()), *["--quick"] * quick, *["--json"] * as_json]
    done = subprocess.run([sys.executable, "-m", "tests.benchmarks", *options], cwd=checkout, check=False)
    raise typer.Exit(done.returncode)


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
    commands = {command.name or command.callback.__name__ for command in cli.registered_commands if command.callback}
    own = {"-h", "--help", "--version", "--install-completion", "--show-completion"}
    return arguments if arguments and arguments[0] in commands | own else ["open", *arguments]


def main() -> None:
    """The entry point: errors of the user become one line and exit status 2."""
    try:
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
        print_error(describe(error))
    except KeyboardInterrupt:
        print_error("interrupted")
        sys.exit(130)
    sys.exit(EXIT_BAD_INPUT)
