"""The command `wheels`: this program for a machine without a network."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from core.errors import ConfigError
from core.exchange import wheels
from tui.commands.exchange.files import given
from tui.commands.output import echo

LEFT_OUT = (*wheels.BASE, "scikit-learn", "matplotlib")
OLDEST = 11  # of Python 3, as pyproject.toml has it
HERE = f"{sys.version_info.major}.{sys.version_info.minor}"


def collect(
    folder: Annotated[Path, given("The folder to fill.", "DIR")],
    python: Annotated[
        str,
        typer.Option("--python", help="The Python of the other machine.", metavar="X.Y", show_default="this one"),
    ] = HERE,
    also: Annotated[
        list[str] | None,
        typer.Option("--also", help="Fetch this too, of what is left out; may be given again.", metavar="NAME"),
    ] = None,
) -> None:
    if not re.fullmatch(r"3\.\d{1,2}", python):
        raise ConfigError({"python": f"python must be such as 3.12, not {python[:60]}"})
    if int(python.partition(".")[2]) < OLDEST:
        raise ConfigError({"python": f"python must be 3.{OLDEST} or newer, not {python}"})
    files = wheels.fetch(folder.absolute(), python, also or ())
    size = sum(file.stat().st_size for file in files)
    echo(f"{len(files)} wheels, {size / 1e6:.0f} MB, for Python {python} in {folder}")
    left_out = ", ".join(name for name in LEFT_OUT if name not in (also or ()))
    echo(f"what must be there: {left_out}; --also NAME takes one along")
    echo("copy the folder, and on the other machine:")
    echo(f"  python{python} -m pip install --no-index --no-deps --target ~/vae-tui {shlex.quote(folder.name)}/*.whl")
    echo(f"  alias vae-tui='python{python} ~/vae-tui/vae_tui.py'")
