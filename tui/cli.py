"""The command line of vae-tui."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from core import data, launch
from core.config import BATCH_SIZE, DEVICE_FORMS, EPOCHS, LEARNING_RATE, PRESETS, ConfigError, check_values, make_config
from core.data import DataError
from core.files import DamagedFile
from core.run import Run, RunError, find_run, find_runs, unused_name
from core.status import ACTIONS, State
from core.summary import newest_first, summarise
from tui import draw_commands
from tui.options import RUNS_DIR, DataDir, Json, RunName, RunsDir, complete_run

if TYPE_CHECKING:
    from tui.graphics import Graphics

EXIT_FAILED = 1
EXIT_BAD_INPUT = 2

# Numbers are taken as text: core.config knows every bound and explains what is wrong in one way everywhere.
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
    open_in_terminal(runs_dir, data_dir or data.default_data_dir(), chosen, asked)


@cli.command(help="Train a new run without the app. Ctrl-C saves and stops.")
def train(
    preset: Annotated[
        str,
        typer.Option(help="; ".join(f"{name}: {text}" for name, text in PRESETS.items()), metavar="PRESET"),
    ] = "vae",
    dataset: Annotated[
        str,
        typer.Option(
            help=f"One of {', '.join(data.CHOICES)}. auto: mnist if it is on disk, else mnist-5k.",
            metavar="SET",
        ),
    ] = "auto",
    epochs: Annotated[str, typer.Option(help="Passes over the training images.", metavar="N")] = str(EPOCHS),
    batch_size: Annotated[str, typer.Option(help="Images per step.", metavar="N")] = str(BATCH_SIZE),
    learning_rate: Annotated[str, typer.Option(help="Step size of Adam.", metavar="X")] = f"{LEARNING_RATE:g}",
    seed: Annotated[str, typer.Option(help="Of everything random.", metavar="N")] = "0",
    device: Annotated[str, typer.Option(help=f"{DEVICE_FORMS}.", metavar="DEVICE")] = "auto",
    name: Annotated[
        str | None, typer.Option(help="Name of the run.", metavar="NAME", show_default="PRESET-SET")
    ] = None,
    validate_every: Annotated[
        str | None,
        typer.Option(help="Epochs between validations.", metavar="N", show_default=f"10; 1 below {EPOCHS} epochs"),
    ] = None,
    precision: Annotated[
        str,
        typer.Option(
            help="auto, float32 or bfloat16. auto: bfloat16 on processors that multiply it.", metavar="PRECISION"
        ),
    ] = "auto",
    processes: Annotated[
        str, typer.Option(help="Train with so many processes, one on each GPU, sharing every batch.", metavar="N")
    ] = "1",
    create_only: Annotated[
        bool, typer.Option("--create-only", help="Write the run's folder for a trainer that is started otherwise.")
    ] = False,
    detach: Annotated[bool, typer.Option("--detach", help="Return once training has begun.")] = False,
    runs_dir: RunsDir = RUNS_DIR,
    data_dir: DataDir = None,
) -> None:
    folder = (data_dir or data.default_data_dir()).absolute()
    dataset_name = data.resolve(dataset, folder)
    config = make_config(
        preset=preset,
        dataset=dataset_name,
        data_dir=None if dataset_name == "mnist-5k" else str(folder),
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        seed=seed,
        device=device,
        validate_every=validate_every,
        precision=precision,
        processes=processes,
    )
    check_device(device)
    name = unused_name(runs_dir, f"{preset}-{dataset_name}") if name is None else name
    if not data.is_on_disk(dataset_name, folder):
        from tui.downloading import download_in_terminal

        download_in_terminal(dataset_name, folder)
    data.check(dataset_name, folder)
    run = Run.create(runs_dir, name, config)
    if dataset == "auto":
        say(data.explain_auto(folder))
    if create_only:
        say(f"{run.name} is ready in {run.path}; train it with: python -P -m core.worker {run.path}")
        return
    follow(run, launch.start(run), detach)


@cli.command(help="Go on with a run that was stopped, lost, or has finished.")
def resume(
    run: RunName,
    epochs: Annotated[str | None, typer.Option(help="New number of epochs in all.", metavar="N")] = None,
    learning_rate: Annotated[
        str | None,
        typer.Option(help="New learning rate, such as a lower one for a run that diverged.", metavar="X"),
    ] = None,
    detach: Annotated[bool, typer.Option("--detach", help="Return once training has begun.")] = False,
    runs_dir: RunsDir = RUNS_DIR,
) -> None:
    found = find_run(runs_dir, run)
    checked = check_values(epochs=epochs, learning_rate=learning_rate)
    goal = None if epochs is None else checked.epochs
    rate = None if learning_rate is None else checked.learning_rate
    follow(found, launch.resume(found, goal, rate), detach)


@cli.command(help=f"Ask the trainer of a run to {', '.join(ACTIONS[:-1])} or {ACTIONS[-1]}.")
def control(
    run: RunName,
    action: Annotated[str, typer.Argument(metavar="|".join(ACTIONS), autocompletion=lambda: list(ACTIONS))],
    runs_dir: RunsDir = RUNS_DIR,
) -> None:
    if action not in ACTIONS:
        raise ConfigError({"action": f"action must be one of {', '.join(ACTIONS)}, not {action[:60]!r}"})
    launch.ask(find_run(runs_dir, run), action)
    say(f"asked {run} to {action}")


cli.command(help="Draw validation images and what the newest weights make of them.")(draw_commands.reconstruct)
cli.command(help="Draw new digits, decoded from latents that a sampler draws.")(draw_commands.sample)
cli.command(help="Draw the latents of images in the plane.")(draw_commands.latent)


@cli.command(help="List the runs, newest first.")
def runs(runs_dir: RunsDir = RUNS_DIR, as_json: Json = False) -> None:
    summaries = newest_first(summarise(run) for run in find_runs(runs_dir))
    if as_json:
        print_json([summary.as_json() for summary in summaries])
        return
    from tui.listing import print_runs

    print_runs(summaries, runs_dir)


@cli.command("data", help="List the image sets, which are on disk, and where.")
def data_sets(
    data_dir: DataDir = None,
    as_json: Json = False,
    download: Annotated[
        str | None, typer.Option(help="Fetch this set first.", metavar="SET", show_default=False)
    ] = None,
) -> None:
    folder = (data_dir or data.default_data_dir()).absolute()
    if download is not None:
        from tui.downloading import download_in_terminal

        download_in_terminal(data.resolve(download, folder), folder)
    sets = data.describe_sets(folder)
    if as_json:
        print_json([found.as_json() for found in sets])
        return
    from tui.listing import print_sets

    print_sets(sets, folder)


def check_device(device: str) -> None:
    """Raises ConfigError early for a device that has to be there by name."""
    if device in ("auto", "cpu"):
        return
    from core import devices

    devices.resolve(device)


def ask_for_graphics() -> Graphics:
    """What the terminal draws pictures with. Raises ConfigError saying why it does not."""
    from tui.graphics import NoGraphics, ask_terminal

    try:
        return ask_terminal()
    except NoGraphics as error:
        raise ConfigError({"graphics": str(error)}) from error


def follow(run: Run, worker: launch.Worker, detach: bool) -> None:
    """Stay with a worker until it ends, or only until it has begun."""
    if detach:
        worker.wait_until_started()
        say(f"{run.name} trains in process {worker.pid}; look at it with: vae-tui {run.name}")
        return
    from rich.console import Console

    from tui.headless import Follower

    say(f"training {run.name} in {run.path}")
    state = Follower(run, Console()).follow(worker)
    status = run.status()
    match state:
        case State.FINISHED:
            say(f"{run.name} finished after {status.epoch} epoch{'s' * (status.epoch != 1)}")
        case State.STOPPED:
            say(f"{run.name} stopped in epoch {status.epoch + 1} of {status.epochs}; go on: vae-tui resume {run.name}")
        case State.LOST:
            complain(f"the trainer of {run.name} is gone; go on from its last save: vae-tui resume {run.name}")
            raise typer.Exit(EXIT_FAILED)
        case _:
            complain(f"{run.name} failed: {status.error}")
            raise typer.Exit(EXIT_FAILED)


def say(text: str) -> None:
    from tui.wording import printable

    print(printable(text), flush=True)


def complain(text: str) -> None:
    from tui.wording import printable

    print(f"vae-tui: {printable(text)}", file=sys.stderr, flush=True)


def print_json(content: Any) -> None:
    print(json.dumps(content, indent=2))


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
        complain(error.format_message())  # type: ignore[attr-defined]
    except DamagedFile as error:
        complain(f"{error.path.parent.name}: {error}")
    except (ConfigError, DataError, RunError) as error:
        complain(str(error))
    except BrokenPipeError:
        # Whoever read the output has seen enough; nothing may be written to it when the interpreter ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(EXIT_FAILED)
    except OSError as error:
        complain(f"{error.filename}: {error.strerror}" if error.filename else str(error))
    except KeyboardInterrupt:
        complain("interrupted")
        sys.exit(130)
    sys.exit(EXIT_BAD_INPUT)
