"""The commands that train a run: a new one, or one that goes on."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from core.data import registry
from core.errors import ConfigError
from core.jobs import launch
from core.jobs.cost import estimate, read_paces
from core.jobs.queue.waiting import enqueue, enter, queueing
from core.jobs.trainer.limit import parse_duration
from core.runs.alerts.following import RunAlerts
from core.runs.catalog import create_run, find_run, summarise
from core.runs.config import RunConfig, check_last_batch, check_values, make_config
from core.runs.first_stage import first_stage_settings, with_images
from core.runs.run import Run
from core.runs.settings import SETTINGS
from core.runs.status import State
from core.training.methods.usual import slower_on_cpu
from tui import formatting
from tui.background.devices import check_device
from tui.commands.options.common import DataDir, Detach, OnFinish, Queue, RunName, RunsDir, TimeLimit
from tui.commands.options.settings import Shared, check_share, setting_option, takes_settings
from tui.commands.output import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_TIME_LIMIT, echo, print_error, print_note
from tui.commands.training.progress import Follower, download_in_terminal, going_on
from tui.commands.training.queue import await_turn, check_queue
from tui.commands.words import RUNS_DIR, command_hint
from tui.interrupts import Told, tidied_up
from tui.terminal.guard import SHOW_CURSOR, guarded


@takes_settings({name: setting_option(name) for name in SETTINGS})
def train(
    settings: dict[str, Any],
    name: Annotated[
        str | None, typer.Option("--name", help="Name of the run.", metavar="NAME", show_default="PRESET-SET")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what the run would cost, and make none.")] = False,
    create_only: Annotated[
        bool, typer.Option("--create-only", help="Write the run's folder for a trainer that is started otherwise.")
    ] = False,
    detach: Detach = False,
    queue: Queue = False,
    on_finish: OnFinish = None,
    time_limit: TimeLimit = None,
    share: Shared = None,
    runs_dir: RunsDir = RUNS_DIR,
    data_dir: DataDir = None,
) -> None:
    shared = check_share(share)
    seconds = check_time_limit(time_limit, create_only=create_only)
    check_queue(queue, create_only=create_only, on_finish=on_finish, time_limit=seconds)
    folder = (data_dir or registry.default_data_dir()).absolute()
    first_stage = find_run(runs_dir, settings["first_stage"]) if "first_stage" in settings else None
    if first_stage:
        settings["first_stage"] = first_stage.name  # which may have been given as a folder
    taken_over = first_stage_settings(first_stage) if first_stage else {}
    weights = first_stage.read_weights() if first_stage else None
    config = make_config(**with_images(settings, folder, taken_over))
    place = config.image_source.folder or folder
    if dry_run:
        said = look_at_images(config, place)
        say_cost(config)
        if said:
            echo(said)
        return
    check_device(config.device, 1 if create_only else config.processes)
    if config.dataset in registry.NAMES and not registry.is_on_disk(config.dataset, place):
        download_in_terminal(config.dataset, place)
    seen = registry.look_through(config.image_source.at(place), config.preset_record.most_classes)
    check_last_batch(config, seen.training_images)
    config = config.model_copy(update={"fingerprint": seen.fingerprint})
    fill = [enter] if queue else []
    with tidied_up(), queueing(runs_dir) if queue else nullcontext():
        run = create_run(runs_dir, name, f"{config.preset}-{config.dataset}", config, weights, shared, *fill)
    if seen.description:
        echo(seen.description)
    if settings.get("dataset", "auto") == "auto" and first_stage is None:
        echo(registry.explain_auto(folder))
    if create_only:
        echo(f"{run.name} is ready in {run.path}; train it with: {shlex.join(launch.command(run, config))}")
        return
    if queue:
        await_turn([run])
        return
    follow(run, partial(launch.start, run, on_finish=on_finish, time_limit=seconds), detach)


@takes_settings(
    {
        "epochs": setting_option("epochs", help="New number of epochs in all.", default="as before"),
        "learning_rate": setting_option(
            "learning_rate",
            help="New learning rate, such as a lower one for a run that diverged.",
            default="as before",
        ),
        "processes": setting_option(
            "processes",
            help="Train on by so many processes, to other bits than by as many as the run was made for.",
            default="as before",
        ),
    }
)
def resume(
    settings: dict[str, Any],
    run: RunName,
    detach: Detach = False,
    queue: Queue = False,
    on_finish: OnFinish = None,
    time_limit: TimeLimit = None,
    runs_dir: RunsDir = RUNS_DIR,
    data_dir: DataDir = None,
) -> None:
    found = find_run(runs_dir, run)
    checked = check_values(**settings)
    new = {name: getattr(checked, name) for name in settings}
    config = found.training_config()
    say_where_images_are(config, data_dir)
    new_goal, new_rate, processes = (new.get(name) for name in ("epochs", "learning_rate", "processes"))
    check_device(config.device, processes or config.processes)
    folder = None if data_dir is None else data_dir.absolute()
    seconds = check_time_limit(time_limit)
    check_queue(queue, create_only=False, on_finish=on_finish, time_limit=seconds)
    if queue and processes is not None:
        raise ConfigError({"queue": "--queue must be left out with --processes"})
    if queue:
        launch.prepare_resume(found, new_goal, folder)
        enqueue(found, new_goal, new_rate, folder)
        await_turn([found])
        return
    start = partial(launch.resume, found, new_goal, new_rate, data_dir=folder, on_finish=on_finish)
    follow(found, partial(start, time_limit=seconds, processes=processes), detach)


def check_time_limit(text: str | None, *, create_only: bool = False) -> float | None:
    """The seconds of a time limit. Raises ConfigError for one that is none, or that nobody would keep."""
    if text is not None and create_only:
        raise ConfigError({"time_limit": "--time-limit is for the trainer that is started; leave it out here"})
    return None if text is None else parse_duration(text)


def say_where_images_are(config: RunConfig, data_dir: Path | None) -> None:
    """Print where the images of a run that goes on are read from, where another folder was named. Raises DataError."""
    if said := registry.not_looked_at(config.image_source, data_dir):
        print_note(said)


def look_at_images(config: RunConfig, place: Path) -> str:
    """What a run of images of one's own would be trained on, or that a set is downloaded first; nothing is.

    Raises DataError or ConfigError.
    """
    if config.dataset in registry.NAMES:
        if not registry.is_on_disk(config.dataset, place):
            return f"{config.dataset} is not in {registry.folder(config.dataset, place)}: it is downloaded first"
        registry.check(config.dataset, place)
        return ""
    seen = registry.look_through(config.image_source.at(place), config.preset_record.most_classes)
    check_last_batch(config, seen.training_images)
    return seen.description


def say_cost(config: RunConfig) -> None:
    """Print what a run would cost, and how many train here already."""
    others = launch.training_here()
    epochs = formatting.count(config.epochs, "epoch")
    slower = slower_on_cpu(config)
    said = formatting.model(config.parameters, slower) + (f" ({slower})" if slower else "")
    echo(f"{config.preset} on {config.dataset_title}, {epochs}, {said}")
    echo(formatting.cost(*estimate(config, read_paces())))
    if others:
        echo(f"{formatting.others_train(others)}: it takes longer beside them")


def follow(run: Run, start: Callable[[], launch.TrainerProcess], detach: bool) -> None:
    """Start a trainer and stay with it until it ends, or only until it has begun."""
    others = launch.training_here()
    with guarded(SHOW_CURSOR), Told() as told:
        trainer = start()
        if others:
            echo(formatting.others_train(others))
        try:
            wait = trainer.wait_until_training if detach else trainer.wait_until_started
            wait(told_to_stop=lambda: told.stops > 0)
        except launch.NotBegun as error:
            print_error(f"{error}; go on: {command_hint(run, 'resume')}")
            raise typer.Exit(EXIT_INTERRUPTED) from error
        if unguarded := run.last_status().unguarded:
            print_error(f"{run.name}: {unguarded}")
        if detach:
            echo(f"{run.name} trains in process {trainer.pid}; look at it with: {command_hint(run)}")
            return
        with going_on([run]):
            echo(f"training {run.name} in {run.path}")
            state = Follower(run, Console(), told).follow()
    status = run.status()
    if status.error and state is not State.FAILED:
        said = "is lost" if state is State.LOST else "did not begin to train"
        print_error(f"{run.name} {said}: {status.error}")
        raise typer.Exit(EXIT_FAILED)
    match state:
        case State.FINISHED:
            early = f": {status.reason}" if status.reason else ""
            echo(f"{run.name} finished after {formatting.count(status.epoch, 'epoch')}{early}")
            for alert in RunAlerts(run.metrics_path).add_to(summarise(run)).alerts:
                if alert.is_problem:
                    echo(f"! {alert.text}")
        case State.STOPPED:
            go_on = command_hint(run, "resume")
            why = f", as {status.reason}" if status.reason else ""
            echo(f"{run.name} stopped after {formatting.epochs(status)} epochs{why}; go on: {go_on}")
            if status.reason:
                raise typer.Exit(EXIT_TIME_LIMIT)
        case State.LOST:
            print_error(f"the trainer of {run.name} is gone; go on from its last save: {command_hint(run, 'resume')}")
            raise typer.Exit(EXIT_FAILED)
        case _:
            print_error(f"{run.name} failed: {status.error}")
            if status.cause == "diverged" and status.learning_rate:
                slower = f"{command_hint(run, 'resume')} --learning-rate {status.learning_rate / 10:g}"
                print_error(f"go on from its last save more slowly: {slower}")
            raise typer.Exit(EXIT_FAILED)
