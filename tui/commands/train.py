"""The commands that train: one run, one again, or several that differ."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import Annotated, Any

import typer

from core.data import registry
from core.jobs import launch
from core.jobs import sweep as sweeps
from core.runs.catalog import find_run, unused_name
from core.runs.config import DEVICE_FORMS, EPOCHS, PRESETS, check_values, make_config, of_preset
from core.runs.first_stage import first_stage_settings, first_stage_weights
from core.runs.run import Run
from core.runs.status import State
from tui import formatting
from tui.commands.options import RUNS_DIR, DataDir, Json, RunName, RunsDir, command_hint, complete_run
from tui.commands.output import EXIT_FAILED, echo, print_error

FirstStage = Annotated[
    str | None,
    typer.Option(
        help="Of a prior: the run whose latents it learns.",
        metavar="RUN",
        show_default=False,
        autocompletion=complete_run,
    ),
]
Epochs = Annotated[
    str | None,
    typer.Option(help="Passes over the training images.", metavar="N", show_default=of_preset("epochs")),
]


def train(
    preset: Annotated[
        str,
        typer.Option(help="; ".join(f"{name}: {text}" for name, text in PRESETS.items()), metavar="PRESET"),
    ] = "vae",
    dataset: Annotated[
        str,
        typer.Option(
            help=f"One of {', '.join(registry.CHOICES)}. auto: mnist if it is on disk, else mnist-5k.",
            metavar="SET",
        ),
    ] = "auto",
    epochs: Epochs = None,
    batch_size: Annotated[
        str | None, typer.Option(help="Images per step.", metavar="N", show_default=of_preset("batch_size"))
    ] = None,
    learning_rate: Annotated[
        str | None, typer.Option(help="Step size of Adam.", metavar="X", show_default=of_preset("learning_rate"))
    ] = None,
    schedule: Annotated[
        str | None,
        typer.Option(
            help="constant, or cosine: the learning rate falls to 0.",
            metavar="SCHEDULE",
            show_default=of_preset("schedule"),
        ),
    ] = None,
    beta: Annotated[
        str | None,
        typer.Option(help="Weight of the KL divergence.", metavar="X", show_default=of_preset("beta")),
    ] = None,
    decoder_variance: Annotated[
        str | None,
        typer.Option(
            help="fixed: 1/2, as squared error plus KL assumes; optimal: what the error is.",
            metavar="VARIANCE",
            show_default=of_preset("decoder_variance"),
        ),
    ] = None,
    first_stage: FirstStage = None,
    dynamics: Annotated[
        str, typer.Option(help="Of a prior: flow (straight lines) or ddpm (1,000 noisy steps).", metavar="DYNAMICS")
    ] = "flow",
    seed: Annotated[str, typer.Option(help="Of everything random.", metavar="N")] = "0",
    device: Annotated[str, typer.Option(help=f"{DEVICE_FORMS}.", metavar="DEVICE")] = "auto",
    name: Annotated[
        str | None, typer.Option(help="Name of the run.", metavar="NAME", show_default="PRESET-SET")
    ] = None,
    validate_every: Annotated[
        str | None,
        typer.Option(help="Epochs between validations.", metavar="N", show_default=f"10; 1 below {EPOCHS} epochs"),
    ] = None,
    holdout: Annotated[
        str | None,
        typer.Option(
            help="Validate on so many training images, not trained on, instead of test images.",
            metavar="N",
            show_default="0; that of the first stage",
        ),
    ] = None,
    measure_every: Annotated[
        str,
        typer.Option(help="Epochs between looks at how good samples are: a curve of its own. 0: none.", metavar="N"),
    ] = "0",
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
    folder = (data_dir or registry.default_data_dir()).absolute()
    settings, weights = _taken_over(runs_dir, first_stage)
    dataset_name = settings["dataset"] if settings and dataset == "auto" else registry.resolve(dataset, folder)
    config = make_config(
        preset=preset,
        data_dir=None if dataset_name == "mnist-5k" else str(folder),
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        schedule=schedule,
        beta=beta,
        decoder_variance=decoder_variance,
        seed=seed,
        device=device,
        validate_every=validate_every,
        measure_every=measure_every,
        dynamics=dynamics,
        precision=precision,
        processes=processes,
        **settings | {"dataset": dataset_name} | ({} if holdout is None else {"holdout": holdout}),
    )
    check_device(device)
    name = unused_name(runs_dir, f"{preset}-{dataset_name}") if name is None else name
    if not registry.is_on_disk(dataset_name, folder):
        from tui.commands.download import download_in_terminal

        download_in_terminal(dataset_name, folder)
    registry.check(dataset_name, folder)
    run = Run.create(runs_dir, name, config, weights)
    if dataset == "auto" and not settings:
        echo(registry.explain_auto(folder))
    if create_only:
        echo(f"{run.name} is ready in {run.path}; train it with: {shlex.join(launch.command(run, config))}")
        return
    follow(run, launch.start(run), detach)


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


def sweep(
    preset: Annotated[str, typer.Option(help="Presets, such as vae,ae.", metavar="LIST")] = "vae",
    seed: Annotated[str, typer.Option(help="Seeds, such as 0-4 or 1,2,7.", metavar="LIST")] = "0-2",
    learning_rate: Annotated[
        str | None,
        typer.Option(help="Such as 1e-3,3e-4.", metavar="LIST", show_default=of_preset("learning_rate")),
    ] = None,
    batch_size: Annotated[
        str | None, typer.Option(help="Such as 64,128.", metavar="LIST", show_default=of_preset("batch_size"))
    ] = None,
    schedule: Annotated[
        str | None,
        typer.Option(help="Such as constant,cosine.", metavar="LIST", show_default=of_preset("schedule")),
    ] = None,
    beta: Annotated[
        str | None, typer.Option(help="Such as 0.3,1.", metavar="LIST", show_default=of_preset("beta"))
    ] = None,
    decoder_variance: Annotated[
        str | None,
        typer.Option(help="Such as fixed,optimal.", metavar="LIST", show_default=of_preset("decoder_variance")),
    ] = None,
    first_stage: FirstStage = None,
    dynamics: Annotated[str, typer.Option(help="Of priors, such as flow,ddpm.", metavar="LIST")] = "flow",
    precision: Annotated[str, typer.Option(help="Such as float32,bfloat16.", metavar="LIST")] = "auto",
    dataset: Annotated[str, typer.Option(help="As of train.", metavar="SET")] = "auto",
    epochs: Epochs = None,
    validate_every: Annotated[
        str | None,
        typer.Option(help="Epochs between validations.", metavar="N", show_default=f"10; 1 below {EPOCHS} epochs"),
    ] = None,
    holdout: Annotated[str | None, typer.Option(help="As of train.", metavar="N", show_default="0")] = None,
    measure_every: Annotated[str, typer.Option(help="As of train.", metavar="N")] = "0",
    device: Annotated[str, typer.Option(help="auto: every GPU, else the CPU.", metavar="DEVICE")] = "auto",
    jobs: Annotated[
        int | None, typer.Option(help="Runs at a time.", min=1, show_default="one on each GPU, or one on the CPU")
    ] = None,
    name: Annotated[str, typer.Option(help="What the names of the runs begin with.", metavar="NAME")] = "sweep",
    as_json: Json = False,
    runs_dir: RunsDir = RUNS_DIR,
    data_dir: DataDir = None,
) -> None:
    folder = (data_dir or registry.default_data_dir()).absolute()
    settings, weights = _taken_over(runs_dir, first_stage)
    dataset_name = settings["dataset"] if settings and dataset == "auto" else registry.resolve(dataset, folder)
    registry.check(dataset_name, folder)
    lists = {
        "preset": preset,
        "learning_rate": learning_rate,
        "batch_size": batch_size,
        "schedule": schedule,
        "beta": beta,
        "decoder_variance": decoder_variance,
        "dynamics": dynamics,
        "precision": precision,
        "seed": seed,
    }
    fixed = settings | {
        "dataset": dataset_name,
        "data_dir": None if dataset_name == "mnist-5k" else str(folder),
        "epochs": epochs,
        "validate_every": validate_every,
        "measure_every": measure_every,
        "device": device,
    }
    if holdout is not None:
        fixed["holdout"] = holdout
    choices = {key: sweeps.spread(text) for key, text in lists.items() if text is not None}
    members = sweeps.plan(runs_dir, name, choices, fixed)
    slots = _slots(device, jobs)
    on_cpu = sum(slot == "cpu" for slot in slots)
    threads = max(1, (os.cpu_count() or 1) // on_cpu) if on_cpu > 1 else None

    from tui.commands.sweep import train_all

    if not train_all(sweeps.Sweep(members, slots, threads, weights), as_json):
        raise typer.Exit(EXIT_FAILED)


def _taken_over(runs_dir: Path, first_stage: str | None) -> tuple[dict[str, Any], bytes | None]:
    """What priors take over from the run whose latents they learn, and its weights; nothing where none is named."""
    if first_stage is None:
        return {}, None
    run = find_run(runs_dir, first_stage)
    return first_stage_settings(run), first_stage_weights(run)


def _slots(device: str, jobs: int | None) -> list[str]:
    """The device of each run that trains at the same time. Raises ConfigError."""
    from core.training import devices

    found = [each for each in devices.available() if each.startswith("cuda")] if device in ("auto", "cuda") else []
    usable = found or [str(devices.resolve(device))]
    return [usable[slot % len(usable)] for slot in range(jobs or len(usable))]


def check_device(device: str) -> None:
    """Raises ConfigError early for a device that has to be there by name."""
    if device in ("auto", "cpu"):
        return
    from core.training import devices

    devices.resolve(device)


def follow(run: Run, worker: launch.TrainerProcess, detach: bool) -> None:
    """Stay with a worker until it ends, or only until it has begun."""
    if detach:
        worker.wait_until_started()
        echo(f"{run.name} trains in process {worker.pid}; look at it with: {command_hint(run)}")
        return
    from rich.console import Console

    from tui.commands.follow import Follower

    echo(f"training {run.name} in {run.path}")
    state = Follower(run, Console()).follow(worker)
    status = run.status()
    match state:
        case State.FINISHED:
            echo(f"{run.name} finished after {formatting.count(status.epoch, 'epoch')}")
        case State.STOPPED:
            go_on = command_hint(run, "resume")
            echo(f"{run.name} stopped in epoch {status.epoch + 1} of {status.epochs}; go on: {go_on}")
        case State.LOST:
            print_error(f"the trainer of {run.name} is gone; go on from its last save: {command_hint(run, 'resume')}")
            raise typer.Exit(EXIT_FAILED)
        case _:
            print_error(f"{run.name} failed: {status.error}")
            if status.cause == "diverged" and status.learning_rate:
                slower = f"{command_hint(run, 'resume')} --learning-rate {status.learning_rate / 10:g}"
                print_error(f"go on from its last save more slowly: {slower}")
            raise typer.Exit(EXIT_FAILED)
