"""The command that has a run complete a digit of which a half is hidden."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from core import files
from core.errors import ConfigError
from core.latents.options import SEEDS, CompletionOptions, check_whole, parse_sampling_options
from core.runs.catalog import find_run
from core.sketch.sheet import HALVES, pixels_of
from core.text import either
from tui.commands.explore import check_out, choice
from tui.commands.options.common import DataDir, Out, RunName, RunsDir, files_as_named
from tui.commands.options.settings import Digit, Guidance
from tui.commands.words import RUNS_DIR

COUNTS = (1, 32)


def complete(
    run: RunName,
    picture: Annotated[
        Path, typer.Argument(metavar="PICTURE", help="A digit, which is brought to where MNIST has them.")
    ],
    hide: Annotated[
        str, choice(HALVES, "--hide", help="The half that the model does not see.", metavar="|".join(HALVES))
    ] = "lower",
    count: Annotated[str, typer.Option("--count", help="How many answers.", metavar="N")] = "6",
    seed: Annotated[str, typer.Option("--seed", help="The same seed gives the same answers.", metavar="N")] = "0",
    digit: Digit = None,
    guidance: Guidance = None,
    out: Out = None,
    runs_dir: RunsDir = RUNS_DIR,
    data_dir: DataDir = None,
) -> None:
    half = next((half for half in HALVES if half == hide), None)
    if half is None:
        raise ConfigError({"hide": f"hide must be {either(HALVES)}, not {hide[:60]!r}"})
    checked_count, checked_seed = check_whole("count", count, *COUNTS), check_whole("seed", seed, *SEEDS)
    check_out(out)
    found = find_run(runs_dir, run)
    config = found.config()
    if not config.preset_record.learns_prior and (digit, guidance) != (None, None):
        name = "guidance" if digit is None else "digit"
        raise ConfigError({name: f"only a learned prior can be asked for a digit or guided to it, and {run} is none"})
    asked = parse_sampling_options(config.preset_record.default_sampler, config.dynamics, digit, guidance, None)
    options = CompletionOptions(checked_count, checked_seed, asked.digit, asked.guidance)
    from core.sketch.pictures import read_digit
    from tui.commands import printing

    with files_as_named():
        image = read_digit(files.expanded(picture))
    hidden = pixels_of(half)
    completions = printing.answer(found, data_dir, lambda explorer: explorer.complete(image, hidden, options))
    printing.show_completions(found, image, hidden, completions, options, out)
