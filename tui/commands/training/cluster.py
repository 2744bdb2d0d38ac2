"""The part of the command `sweep` that has a cluster's scheduler train the members."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from core.errors import ConfigError
from core.jobs.cluster.slurm import enter, parse_options, slurm_executor, submit
from core.jobs.sweep import Member, enqueue
from core.runs.run import Share
from tui import formatting
from tui.commands.output import echo

Launcher = Annotated[
    str | None,
    typer.Option(
        "--launcher",
        help="slurm: submit a job for each run to that scheduler; needs the extra slurm.",
        metavar="slurm",
        show_default="train here",
    ),
]
SlurmOptions = Annotated[
    list[str] | None,
    typer.Option(
        "--slurm",
        help="An option of sbatch, such as partition=gpu, gpus_per_node=1 or time=240 (minutes); several times.",
        metavar="NAME=VALUE",
        show_default="time=1440",
    ),
]


def check_launcher(launcher: str | None, options: Sequence[str], others: dict[str, bool]) -> None:
    """Raise ConfigError for an unknown launcher, and for what does not go with one; `others` says what is given."""
    if launcher not in (None, "slurm"):
        raise ConfigError({"launcher": f"launcher must be slurm, not {launcher[:40]!r}"})
    if launcher is None and options:
        raise ConfigError({"launcher": "--slurm is for --launcher slurm"})
    if launcher is not None and any(others.values()):
        other = next(name for name, is_given in others.items() if is_given)
        raise ConfigError({"launcher": f"--launcher must be left out with {other}"})


def submit_members(
    members: Sequence[Member], weights: bytes | None, share: Share | None, options: Sequence[str], data_dir: Path
) -> None:
    """Submit those that are neither finished nor trained, and wait not yet, and say which job each is."""
    executor = slurm_executor(members[0].run.path.parent, parse_options(options))
    folders = {member.run: Path(member.config.data_dir or data_dir) for member in members}
    entered = enqueue(members, weights, share, enter)
    for run, number in submit(entered, executor, lambda run: folders[run]):
        echo(f"{run.name} is Slurm job {number}")
    echo(f"{len(entered)} of {formatting.count(len(members), 'run')} submitted")
