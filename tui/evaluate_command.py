"""The command that measures how good a run's model is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from core import data
from core.choices import SAMPLERS, check_sampler, check_whole, default_sampler
from core.run import Run, RunError, find_run
from tui.options import RUNS_DIR, DataDir, Json, RunName, RunsDir
from tui.output import complain, print_json

if TYPE_CHECKING:
    from core.evaluation import Evaluation

SAMPLES = (100, 100_000)
SEEDS = (1, 100)
SHARES = ("precision", "recall", "classifier_confidence", "class_balance")


def evaluate(
    run: RunName,
    samples: Annotated[str, typer.Option(help="How many to draw for each seed.", metavar="N")] = "10000",
    seeds: Annotated[str, typer.Option(help="How many times to draw.", metavar="N")] = "3",
    sampler: Annotated[
        str | None,
        typer.Option(
            help="; ".join(f"{name}: {text}" for name, text in SAMPLERS.items()),
            metavar="SAMPLER",
            show_default="gaussian for ae, prior for the others",
            autocompletion=lambda: list(SAMPLERS),
        ),
    ] = None,
    as_json: Json = False,
    runs_dir: RunsDir = RUNS_DIR,
    data_dir: DataDir = None,
) -> None:
    many, times = check_whole("samples", samples, *SAMPLES), check_whole("seeds", seeds, *SEEDS)
    chosen = None if sampler is None else check_sampler(sampler)
    found = find_run(runs_dir, run)
    config = found.config()  # what is wrong with a run is said before PyTorch is loaded
    if not found.weights_changed():
        raise RunError(f"{found.name} has no weights yet: the trainer saves them soon after it starts")

    from tui.drawing import progress

    with progress() as say:
        say("loading PyTorch")
        from core.browsing import find_images
        from core.evaluation import evaluate as evaluate_run

        source = find_images(config, data_dir or data.default_data_dir())
        name = chosen or default_sampler(config.preset)
        evaluation = evaluate_run(found, source.images, name, many, times, say)
    if source.note:
        complain(source.note)
    if as_json:
        print_json(evaluation.as_json())
    else:
        print_evaluation(found, evaluation)


def print_evaluation(run: Run, evaluation: Evaluation) -> None:
    """One row a figure: its value, its spread over the seeds and what it means."""
    from rich.table import Table
    from rich.text import Text

    from core.evaluation import MEANINGS
    from tui.listing import print_table
    from tui.wording import count, printable

    seeds = count(evaluation.frechet_samples.n, "seed")
    where = f"{SAMPLERS[evaluation.sampler]}, {seeds}, {evaluation.dataset}"
    print(f"{printable(run.name)}: {evaluation.samples:,} samples from {where}")
    table = Table("figure", "value", "±", "meaning", box=None, pad_edge=False)
    for name, meaning in MEANINGS.items():
        value, spread = _cells(name, getattr(evaluation, name))
        table.add_row(
            name.replace("_", " "), Text(value, justify="right"), Text(spread, justify="right"), Text(meaning)
        )
    print_table(table)
    accuracy = evaluation.classifier["test_accuracy"]
    print(f"classifier: {float(accuracy):.2%} of MNIST's test images; {evaluation.classifier['command']}")


def _cells(name: str, figure: Any) -> tuple[str, str]:
    """A figure and its spread as they are shown; a dash where there is none."""
    if figure is None or isinstance(figure, int):
        return ("–" if figure is None else str(figure)), "–"
    form = ".3f" if name in SHARES else ".2f"
    if isinstance(figure, float):
        return format(figure, form), "–"
    return format(figure.mean, form), "–" if figure.std is None else format(figure.std, form)
