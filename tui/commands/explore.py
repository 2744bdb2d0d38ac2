"""The commands that look into a run: reconstruct, sample and latent, which draw what the screens show, and evaluate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, get_args

import typer

from core.data import registry
from core.errors import ConfigError
from core.exchange import arrays
from core.explorer.protocol import Explorer
from core.explorer.results import EvaluationResult, Samples
from core.latents.options import (
    EMBEDDINGS,
    GRID,
    NEIGHBOURS,
    PROJECTIONS,
    SAMPLERS,
    SEEDS,
    SOURCES,
    Order,
    Part,
    SamplingOptions,
    check_numbers,
    check_order,
    check_part,
    check_projection,
    check_sampler,
    check_source,
    check_temperature,
    check_whole,
    parse_sampling_options,
    usual_plane,
)
from core.runs.architecture.presets import DEFAULT_PRESET, PRESETS
from core.runs.catalog import find_run
from core.runs.run import Run
from tui import evaluation_table
from tui.commands.options.common import DataDir, Json, Out, RunName, RunsDir, SamplesOut, check_folder
from tui.commands.options.settings import Digit, Guidance, Steps
from tui.commands.output import print_json
from tui.commands.words import RUNS_DIR

COUNTS = (1, 10_000)
SHOWN_COUNT, GRID_COUNT = 32, 25  # of digits that are drawn; five half-size ones fit side by side in 80 columns
SAMPLE_COUNTS = (100, 100_000)
SEED_COUNTS = (1, 100)


def choice(names: Any, option: str, **options: Any) -> Any:
    """An option with these values, which the shell completes."""
    return typer.Option(option, autocompletion=lambda: list(names), **options)


DEFAULT_SAMPLER = PRESETS[DEFAULT_PRESET].default_sampler
OTHER_DEFAULTS = [
    f"preset {preset.name}: {preset.default_sampler}"
    for preset in PRESETS.values()
    if preset.default_sampler != DEFAULT_SAMPLER
]


def sampler_option(samplers: Mapping[str, str]) -> Any:
    """The option that chooses one of these, each said in words."""
    said = "; ".join(f"{name}: {text}" for name, text in samplers.items())
    default = "; ".join([DEFAULT_SAMPLER, *OTHER_DEFAULTS])
    return choice(samplers, "--sampler", help=said, metavar="SAMPLER", show_default=default)


Sampler = Annotated[str | None, sampler_option(SAMPLERS)]
Source = Annotated[str | None, sampler_option(SOURCES | {GRID: f"{SOURCES[GRID]}, of a latent of two numbers"})]


def reconstruct(
    run: RunName,
    label: Annotated[
        str | None, typer.Option("--class", help="Only images of this class.", metavar="N", show_default="all")
    ] = None,
    order: Annotated[
        str, choice(get_args(Order), "--order", help="By index, or worst first.", metavar="|".join(get_args(Order)))
    ] = "index",
    count: Annotated[str, typer.Option("--count", help="How many.", metavar="N")] = "16",
    out: Out = None,
    runs_dir: RunsDir = RUNS_DIR,
    data_dir: DataDir = None,
) -> None:
    digit = None if label is None else check_whole("class", label, 0, registry.MOST_CLASSES - 1)
    checked_order, checked_count = check_order(order), check_whole("count", count, *COUNTS)
    check_out(out)
    found = find_run(runs_dir, run)
    from tui.commands import printing

    page = printing.answer(found, data_dir, lambda explorer: explorer.page(0, checked_count, digit, checked_order))
    printing.show_reconstructions(found, page, digit, checked_order, out)


def sample(
    run: RunName,
    sampler: Source = None,
    digit: Digit = None,
    guidance: Guidance = None,
    steps: Steps = None,
    seed: Annotated[
        str | None,
        typer.Option(
            "--seed", help="The same seed draws the same digits.", metavar="N", show_default="0; a grid has none"
        ),
    ] = None,
    temperature: Annotated[
        str, typer.Option("--temperature", help="How far samples stray; 0 is the centre.", metavar="X")
    ] = "1",
    count: Annotated[
        str | None,
        typer.Option("--count", help="How many.", metavar="N", show_default=f"{SHOWN_COUNT}; grid: {GRID_COUNT}"),
    ] = None,
    nearest: Annotated[
        bool,
        typer.Option(
            "--nearest",
            help="Are they copies? Below each the training image whose pixels are nearest, of all of them, with its "
            "class and distance; validation images in the same way, in a picture on the right.",
        ),
    ] = False,
    out: SamplesOut = None,
    runs_dir: RunsDir = RUNS_DIR,
    data_dir: DataDir = None,
) -> None:
    if seed is not None and sampler == GRID:
        raise ConfigError({"seed": f"seed goes with the samplers that draw at random, not with {GRID}"})
    checked_seed, checked_temperature = check_whole("seed", seed or "0", *SEEDS), check_temperature(temperature)
    usual_count = GRID_COUNT if sampler == GRID else SHOWN_COUNT
    checked_count = usual_count if count is None else check_whole("count", count, *COUNTS)
    check_out(out, "" if nearest else arrays.SUFFIX)
    found = find_run(runs_dir, run)
    sources = found.config().sources
    if sampler is not None:
        check_source(sampler, sources)
    name, options = check_sampling(found, sampler, digit, guidance, steps, sources)

    def draw(explorer: Explorer) -> Samples:
        return explorer.samples(name, checked_count, checked_seed, checked_temperature, options)

    from tui.commands import printing

    if nearest:
        from tui.commands.nearest import match, show

        source = printing.drawn_from(name, options, checked_temperature, checked_seed)
        show(found, source, *printing.answer(found, data_dir, lambda explorer: match(explorer, draw(explorer))), out)
        return
    samples = printing.answer(found, data_dir, draw)
    printing.show_samples(found, samples, name, options, checked_temperature, checked_seed, out)


def latent(
    run: RunName,
    projection: Annotated[
        str | None,
        choice(
            PROJECTIONS,
            "--projection",
            help="; ".join(f"{name}: {text}" for name, text in PROJECTIONS.items()),
            metavar="PROJECTION",
            show_default="lda; of a latent of two numbers dims",
        ),
    ] = None,
    numbers: Annotated[
        str | None,
        typer.Option(
            "--numbers", help="Which two latent numbers, for dims.", metavar="I,J", show_default="those that vary most"
        ),
    ] = None,
    part: Annotated[
        str, choice(get_args(Part), "--set", help="Whose latents.", metavar="|".join(get_args(Part)))
    ] = "validation",
    fit_on_shown: Annotated[
        bool, typer.Option("--fit-on-shown", help="Fit to what is shown, as the post does, not to training latents.")
    ] = False,
    seed: Annotated[
        str | None,
        typer.Option("--seed", help="Of tsne and umap: the same gives the same.", metavar="N", show_default="0"),
    ] = None,
    neighbours: Annotated[
        str | None,
        typer.Option(
            "--neighbours", help="Of tsne and umap: how many each latent has.", metavar="N", show_default="30; umap: 15"
        ),
    ] = None,
    out: Out = None,
    runs_dir: RunsDir = RUNS_DIR,
    data_dir: DataDir = None,
) -> None:
    if numbers is not None and projection != "dims":
        raise ConfigError({"numbers": "numbers go with --projection dims"})
    checked_part = check_part(part)
    asked = None if projection is None else check_projection(projection)
    for option, given in (("seed", seed), ("neighbours", neighbours)):
        if given is not None and projection not in EMBEDDINGS:
            raise ConfigError({option: f"{option} goes with --projection {' or '.join(EMBEDDINGS)}"})
    if fit_on_shown and projection in EMBEDDINGS:
        raise ConfigError({"fit_on_shown": f"{projection} is always fitted to what is shown"})
    checked_seed = check_whole("seed", seed or "0", *SEEDS)
    near = None if neighbours is None else check_whole("neighbours", neighbours, *NEIGHBOURS)
    check_out(out)
    found = find_run(runs_dir, run)
    size = found.config().sizes.latent_size
    pair = None if numbers is None else check_numbers(numbers, size)
    usual = usual_plane(size)
    options = replace(usual, projection=asked or usual.projection, numbers=pair, part=checked_part)
    options = replace(options, fit_on_shown=fit_on_shown, seed=checked_seed, neighbours=near)
    from tui.commands import printing

    plane = printing.answer(found, data_dir, lambda explorer: explorer.projection(options))
    printing.show_projection(found, plane, out)


def evaluate(
    run: RunName,
    samples: Annotated[str, typer.Option("--samples", help="How many to draw for each seed.", metavar="N")] = "10000",
    seeds: Annotated[str, typer.Option("--seeds", help="How many times to draw.", metavar="N")] = "3",
    sampler: Sampler = None,
    guidance: Guidance = None,
    steps: Steps = None,
    again: Annotated[bool, typer.Option("--again", help="Measure, also what was measured of these weights.")] = False,
    as_json: Json = False,
    runs_dir: RunsDir = RUNS_DIR,
    data_dir: DataDir = None,
) -> None:
    checked_samples = check_whole("samples", samples, *SAMPLE_COUNTS)
    checked_seeds = check_whole("seeds", seeds, *SEED_COUNTS)
    found = find_run(runs_dir, run)
    samplers = found.config().preset_record.samplers
    name, options = check_sampling(found, sampler, None, guidance, steps, samplers)
    from tui.commands import printing

    wanted = name, checked_samples, checked_seeds, evaluation_table.plain_options(name, options)

    known: dict[str, Any] = {}  # so far

    def figures(explorer: Explorer) -> EvaluationResult:
        kept = [] if again else explorer.evaluations()
        newest = (each for each in kept if each.weights)
        same = (each for each in newest if evaluation_table.measured_with(each.evaluation) == wanted)
        return next(same, None) or explorer.evaluate(name, checked_samples, checked_seeds, options, known.update)

    def said(words: str) -> str:
        return "; ".join(filter(None, (words, evaluation_table.in_short(known))))

    result = printing.answer(found, data_dir, figures, lambda result: result.note, said)
    if as_json:
        print_json(evaluation_table.as_json(found.name, result))
    else:
        printing.print_evaluation(found, result.evaluation)


def check_sampling(
    run: Run, sampler: str | None, digit: str | None, guidance: str | None, steps: str | None, known: Sequence[str]
) -> tuple[str, SamplingOptions]:
    """The sampler of these that was named, else the one that suits the run, and its options.

    Raises ConfigError or RunError.
    """
    config = run.config()
    name = config.preset_record.default_sampler if sampler is None else check_sampler(sampler, known)
    return name, parse_sampling_options(name, config.dynamics, digit, guidance, steps)


def check_out(out: Path | None, besides: str = "") -> None:
    """Raises ConfigError early for a file that cannot be written; `besides` is an ending that may be given too."""
    if out is None:
        return
    from tui.export import suffix_of

    if out.suffix.lower() != besides:
        suffix_of(out)
    check_folder(out)
