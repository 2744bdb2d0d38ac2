"""The commands that draw what the screens show, in the terminal or into a file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, get_args

import typer

from core.data import registry
from core.errors import ConfigError
from core.latents.options import (
    PROJECTIONS,
    SAMPLERS,
    SEEDS,
    Order,
    Part,
    ProjectionOptions,
    check_numbers,
    check_order,
    check_part,
    check_projection,
    check_sampler,
    check_temperature,
    check_whole,
    parse_sampling_options,
)
from core.runs.catalog import find_run
from tui.commands.options import RUNS_DIR, DataDir, Digit, Guidance, Out, RunName, RunsDir, Steps

COUNT_LIMIT = 10_000


def reconstruct(
    run: RunName,
    label: Annotated[
        str | None, typer.Option("--class", help="Only images of this class.", metavar="0..9", show_default="all")
    ] = None,
    order: Annotated[
        str,
        typer.Option(
            help="By index, or worst first.",
            metavar="|".join(get_args(Order)),
            autocompletion=lambda: list(get_args(Order)),
        ),
    ] = "index",
    count: Annotated[str, typer.Option(help="How many.", metavar="N")] = "16",
    out: Out = None,
    runs_dir: RunsDir = RUNS_DIR,
    data_dir: DataDir = None,
) -> None:
    chosen = None if label is None else check_whole("class", label, 0, 9)
    many, how = check_whole("count", count, 1, COUNT_LIMIT), check_order(order)
    check_out(out)
    found = find_run(runs_dir, run)
    from tui.commands.printing import draw_reconstructions

    draw_reconstructions(found, data_dir or registry.default_data_dir(), many, chosen, how, out)
    say_written(out)


def sample(
    run: RunName,
    sampler: Annotated[
        str | None,
        typer.Option(
            help="; ".join(f"{name}: {text}" for name, text in SAMPLERS.items()),
            metavar="SAMPLER",
            show_default="gaussian for ae, learned for prior, prior for the others",
            autocompletion=lambda: list(SAMPLERS),
        ),
    ] = None,
    digit: Digit = None,
    guidance: Guidance = None,
    steps: Steps = None,
    seed: Annotated[str, typer.Option(help="The same seed draws the same digits.", metavar="N")] = "0",
    temperature: Annotated[str, typer.Option(help="How far samples stray; 0 is the centre.", metavar="X")] = "1",
    count: Annotated[str, typer.Option(help="How many.", metavar="N")] = "32",
    out: Out = None,
    runs_dir: RunsDir = RUNS_DIR,
    data_dir: DataDir = None,
) -> None:
    number, heat = check_whole("seed", seed, *SEEDS), check_temperature(temperature)
    many = check_whole("count", count, 1, COUNT_LIMIT)
    check_out(out)
    found = find_run(runs_dir, run)
    config = found.config()
    preset = config.preset_record
    name = preset.default_sampler if sampler is None else check_sampler(sampler, preset.samplers)
    wish = parse_sampling_options(name, config.dynamics, digit, guidance, steps)
    from tui.commands.printing import draw_samples

    draw_samples(found, data_dir or registry.default_data_dir(), many, name, number, heat, wish, out)
    say_written(out)


def latent(
    run: RunName,
    projection: Annotated[
        str,
        typer.Option(
            help="; ".join(f"{name}: {text}" for name, text in PROJECTIONS.items()),
            metavar="PROJECTION",
            autocompletion=lambda: list(PROJECTIONS),
        ),
    ] = "lda",
    numbers: Annotated[
        str | None,
        typer.Option(help="Which two latent numbers, for dims.", metavar="I,J", show_default="those that vary most"),
    ] = None,
    part: Annotated[
        str,
        typer.Option(
            "--set",
            help="Whose latents.",
            metavar="|".join(get_args(Part)),
            autocompletion=lambda: list(get_args(Part)),
        ),
    ] = "validation",
    fit_on_shown: Annotated[
        bool, typer.Option("--fit-on-shown", help="Fit to what is shown, as the post does, not to training latents.")
    ] = False,
    out: Out = None,
    runs_dir: RunsDir = RUNS_DIR,
    data_dir: DataDir = None,
) -> None:
    if numbers is not None and projection != "dims":
        raise ConfigError({"numbers": "numbers go with --projection dims"})
    pair = None if numbers is None else check_numbers(numbers)
    choice = ProjectionOptions(check_projection(projection), check_part(part), fit_on_shown, pair)
    check_out(out)
    found = find_run(runs_dir, run)
    from tui.commands.printing import draw_plane

    draw_plane(found, data_dir or registry.default_data_dir(), choice, out)
    say_written(out)


def check_out(out: Path | None) -> None:
    """Raises ConfigError early for a file that cannot be written, whatever is in it."""
    if out is None:
        return
    from tui.export import suffix_of

    suffix_of(out)
    if not out.absolute().parent.is_dir():
        raise ConfigError({"out": f"out cannot be {out}: there is no folder {out.parent}"})


def say_written(out: Path | None) -> None:
    if out is not None:
        print(f"written: {out}", flush=True)
