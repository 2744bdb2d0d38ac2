"""The command that measures how good a run's model is."""

from __future__ import annotations

from typing import Annotated

import typer

from core.data import registry
from core.evaluation.results import METRIC_DESCRIPTIONS, Evaluation, check_digits
from core.latents.options import SAMPLERS, check_sampler, check_whole, parse_sampling_options
from core.runs.catalog import find_run
from core.runs.run import Run
from tui import evaluation_table
from tui.commands.options import RUNS_DIR, DataDir, Guidance, Json, RunName, RunsDir, Steps
from tui.commands.output import print_error, print_json
from tui.formatting import printable

SAMPLES = (100, 100_000)
SEEDS = (1, 100)


def evaluate(
    run: RunName,
    samples: Annotated[str, typer.Option(help="How many to draw for each seed.", metavar="N")] = "10000",
    seeds: Annotated[str, typer.Option(help="How many times to draw.", metavar="N")] = "3",
    sampler: Annotated[
        str | None,
        typer.Option(
            help="; ".join(f"{name}: {text}" for name, text in SAMPLERS.items()),
            metavar="SAMPLER",
            show_default="gaussian for ae, learned for prior, prior for the others",
            autocompletion=lambda: list(SAMPLERS),
        ),
    ] = None,
    guidance: Guidance = None,
    steps: Steps = None,
    as_json: Json = False,
    runs_dir: RunsDir = RUNS_DIR,
    data_dir: DataDir = None,
) -> None:
    many, times = check_whole("samples", samples, *SAMPLES), check_whole("seeds", seeds, *SEEDS)
    found = find_run(runs_dir, run)
    config = found.config()  # what is wrong with a run is said before PyTorch is loaded
    preset = config.preset_record
    name = preset.default_sampler if sampler is None else check_sampler(sampler, preset.samplers)
    wish = parse_sampling_options(name, config.dynamics, None, guidance, steps)
    check_digits(found.name, config.dataset)
    from tui.commands.printing import explored

    with explored(found, data_dir or registry.default_data_dir()) as explorer:
        measured = explorer.evaluate(name, many, times, wish)
    if measured.note:
        print_error(measured.note)
    if as_json:
        print_json(evaluation_table.as_json(found.name, measured))
    else:
        print_evaluation(found, measured.evaluation)


def print_evaluation(run: Run, evaluation: Evaluation) -> None:
    """One row a figure: its value, its spread over the seeds and what it means."""
    from rich.table import Table
    from rich.text import Text

    from tui.commands.tables import print_table

    seeds = evaluation.frechet_samples.n
    how = evaluation.sampler, evaluation.samples, seeds, evaluation.dataset
    measured = evaluation_table.conditions(*how, evaluation.sampling_options)
    print(f"{printable(run.name)}: {measured}")
    table = Table("figure", "value", "±", "meaning", box=None, pad_edge=False)
    for figure, meaning in METRIC_DESCRIPTIONS.items():
        value, spread = evaluation_table.cells(evaluation, figure)
        numbers = Text(value, justify="right"), Text(spread, justify="right")
        table.add_row(evaluation_table.name_shown(figure), *numbers, Text(meaning))
    print_table(table)
    print(f"{evaluation_table.classifier(evaluation)}; {evaluation.classifier['command']}")
