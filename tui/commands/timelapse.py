"""The command that makes a film of a training."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from core.errors import ConfigError, RunError
from core.latents.options import LINEAR, ProjectionOptions, check_projection
from core.runs.catalog import find_run
from core.runs.snapshots.folder import snapshots_of
from core.text import either, printable
from tui import formatting
from tui.commands.explore import choice
from tui.commands.options.common import DataDir, RunName, RunsDir, check_folder, out_option
from tui.commands.output import print_error
from tui.commands.words import RUNS_DIR

WHATS = ("reconstruct", "sample", "latent")


def timelapse(
    run: RunName,
    out: Annotated[Path, out_option("The film, or a picture of twelve moments.", ".gif|.png")],
    what: Annotated[
        str,
        choice(WHATS, "--what", help="What is seen at every moment.", metavar="|".join(WHATS)),
    ] = "reconstruct",
    projection: Annotated[
        str, choice(LINEAR, "--projection", help="Of latent: lda, pca or dims.", metavar="PROJECTION")
    ] = "lda",
    fit_each: Annotated[
        bool, typer.Option("--fit-each", help="Of latent: fit the projection at each moment, not once at the end.")
    ] = False,
    runs_dir: RunsDir = RUNS_DIR,
    data_dir: DataDir = None,
) -> None:
    if what not in WHATS:
        raise ConfigError({"what": f"what must be {either(WHATS)}, not {what[:60]!r}"})
    if out.suffix.lower() not in (".gif", ".png"):
        raise ConfigError({"out": f"out must end in .gif or .png, not {out.name[:60]!r}"})
    if fit_each and what != "latent":
        raise ConfigError({"fit_each": f"--fit-each goes with --what latent, not with {what}"})
    options = ProjectionOptions(check_projection(projection, LINEAR), fit_each=fit_each)
    check_folder(out)
    found = find_run(runs_dir, run)
    moments = [(snapshot.step, snapshot.epoch) for snapshot in snapshots_of(found)]
    if not moments:
        raise RunError(formatting.no_snapshots(printable(found.name), found.config().preset_record))
    from tui import timelapse as film
    from tui.commands import printing

    match what:
        case "reconstruct":
            shot = film.of_reconstructions()
        case "sample":
            shot = film.of_samples(found.config().preset_record.default_sampler)
        case _:
            shot = film.of_plane(options)
    title = printable(found.name)
    left_out = list[str]()
    pictures = printing.answer(
        found, data_dir, lambda explorer: film.frames(explorer, moments, title, shot, left_out.append)
    )
    for words in left_out:
        print_error(words)
    film.save(out, pictures, replace=True)
    printing.print_written(out)
