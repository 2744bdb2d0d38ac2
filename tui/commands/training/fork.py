"""The command that forks a run: a new one that goes on from where it is, or was, with other settings."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from functools import partial
from typing import Annotated, Any

import typer

from core.data import registry
from core.jobs import launch
from core.jobs.cost import estimate, read_paces
from core.jobs.forking import make_fork, save_before
from core.jobs.queue.waiting import enqueue
from core.runs.catalog import find_run
from core.runs.config import RunConfig
from core.runs.forks.choice import KEPT, changed_settings, check_goal, first_rate, fork_settings
from core.runs.forks.moment import moment_of, parse_epoch, settings_now
from core.runs.forks.origin import epoch_words
from core.runs.run import Run
from core.runs.settings import SETTINGS, as_text, title
from tui import formatting
from tui.background.devices import check_device
from tui.commands.options.common import DataDir, Detach, Json, OnFinish, Queue, RunName, RunsDir, TimeLimit
from tui.commands.options.settings import Shared, check_share, setting_option, takes_settings
from tui.commands.output import EXIT_INTERRUPTED, echo, print_error, print_json
from tui.commands.training.queue import await_turn, check_queue
from tui.commands.training.train import check_time_limit, follow, say_where_images_are
from tui.commands.words import RUNS_DIR, command_hint
from tui.interrupts import Told, tidied_up


def _option(name: str) -> Any:
    default = "as before; of a snapshot the next one" if name == "seed" else "as before"
    return setting_option(name, default=default, hidden=name in KEPT)


@takes_settings({name: _option(name) for name in SETTINGS})
def fork(
    settings: dict[str, Any],
    run: RunName,
    at: Annotated[
        str | None,
        typer.Option(
            "--at",
            help="Begin from the weights of the snapshot nearest to this epoch, with a fresh Adam.",
            metavar="EPOCH",
            show_default="from the newest state, as it is",
        ),
    ] = None,
    name: Annotated[
        str | None, typer.Option("--name", help="Name of the fork.", metavar="NAME", show_default="RUN-fork")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what the fork would be, and make none.")] = False,
    create_only: Annotated[
        bool, typer.Option("--create-only", help="Make the fork for a trainer that is started otherwise.")
    ] = False,
    detach: Detach = False,
    queue: Queue = False,
    as_json: Json = False,
    on_finish: OnFinish = None,
    time_limit: TimeLimit = None,
    share: Shared = None,
    runs_dir: RunsDir = RUNS_DIR,
    data_dir: DataDir = None,
) -> None:
    shared, seconds = check_share(share), check_time_limit(time_limit, create_only=create_only)
    check_queue(queue, create_only=create_only, on_finish=on_finish, time_limit=seconds)
    parent = find_run(runs_dir, run)
    moment = moment_of(parent, None if at is None else parse_epoch(at))
    before = settings_now(parent)
    config = fork_settings(before, settings, snapshot=moment.snapshot is not None)
    check_goal(parent.name, moment.epochs_done, config)
    say = _nothing if as_json else echo
    if dry_run or at:  # a trainer may save another state before
        say(f"{moment.words} of {parent.name}" + (f", nearest to {at}" if at else ""))
    if dry_run:
        changed = {name: getattr(config, name) for name in changed_settings(before, config)}
        say(_changes(before, config) or "with the same settings")
        say(f"learning rate {_begins(moment.epoch, config)}")
        left = config.model_copy(update={"epochs": config.epochs - moment.epochs_done})
        say(formatting.cost(*estimate(left, read_paces())))
        if as_json:
            rate = first_rate(moment.epoch, config)
            print_json(
                {"run": parent.name, "step": moment.step, "epoch": moment.epoch, "changed": changed}
                | {"learning_rate": rate}
            )
        return
    check_device(config.device, 1 if create_only else config.processes)
    folder = None if data_dir is None else data_dir.absolute()
    source = config.image_source
    say_where_images_are(config, folder)
    registry.check_same(source, registry.locate(source, folder or registry.default_data_dir()))
    with tidied_up():
        if moment.snapshot is None and parent.state().active:
            said = "saved for it" if save_before(parent) else "is trained on; the fork has what it saved last"
            say(f"{parent.name} {said}")
        epoch = moment.epoch if moment.snapshot else None
        made = make_fork(parent, runs_dir.absolute(), name, settings, epoch, shared, warn=print_error)
    say(f"{made.name} is {_described(made)}")
    if queue:
        enqueue(made, data_dir=folder)
        print_json(_as_json(made)) if as_json else await_turn([made])
        return
    start = partial(launch.start, made, data_dir=folder, on_finish=on_finish, time_limit=seconds)
    if as_json:
        if not create_only:
            _begin(made, start)
        print_json(_as_json(made))
    elif create_only:
        echo(f"it is in {made.path}; train it with: {shlex.join(launch.command(made, made.config()))}")
    else:
        follow(made, start, detach)


def _nothing(text: str) -> None:
    """Where JSON is all that is printed."""


def _changes(before: RunConfig, config: RunConfig) -> str:
    """`beta 1 instead of 0.4, epochs 60 instead of 40`; nothing where nothing changes."""
    changes = [(name, getattr(config, name), getattr(before, name)) for name in changed_settings(before, config)]
    return ", ".join(f"{title(name)} {as_text(new)} instead of {as_text(old)}" for name, new, old in changes)


def _begins(epoch: float, config: RunConfig) -> str:
    """With which learning rate it begins, and when."""
    return formatting.first_rate(first_rate(epoch, config), epoch_words(epoch), config.epochs)


def _described(made: Run) -> str:
    """Where a fork begins and with what, in a line."""
    config = made.config()
    assert config.forked_from is not None
    new = [f"{title(name)} {as_text(getattr(config, name))}" for name in config.forked_from.changed]
    adam = ", with a fresh Adam" if config.forked_from.snapshot else ""
    changed = ", ".join(new) or "nothing is changed"
    begins = _begins(config.forked_from.epoch, config)
    return f"{config.forked_from.words}{adam}; {changed}; it begins with learning rate {begins}"


def _as_json(made: Run) -> dict[str, Any]:
    """Plain values under stable names, for programs."""
    config = made.config()
    assert config.forked_from is not None
    settings = {name: getattr(config, name) for name in SETTINGS}
    origin = config.forked_from.model_dump(mode="json")
    return {"name": made.name, "path": str(made.path), "forked_from": origin, "settings": settings}


def _begin(made: Run, start: Callable[[], launch.TrainerProcess]) -> None:
    """Have a trainer begin, and say nothing of it."""
    with Told() as told:
        try:
            start().wait_until_training(told_to_stop=lambda: told.stops > 0)
        except launch.NotBegun as error:
            print_error(f"{error}; go on: {command_hint(made, 'resume')}")
            raise typer.Exit(EXIT_INTERRUPTED) from error
