"""The command `serve`: the app in a browser, on this machine only."""

from __future__ import annotations

import os
import shlex
from importlib.util import find_spec
from typing import Annotated

import typer

from core import packages, program
from core.data import registry
from core.errors import ConfigError, RunError
from tui.browser.addresses import HOST, check_port, from_elsewhere, is_own, tunnel
from tui.commands.options.common import DataDir, RunsDir, complete_run
from tui.commands.output import echo
from tui.commands.words import RUNS_DIR
from tui.opening import open_run

PORT = 8000


def serve(
    run: Annotated[
        str | None, typer.Argument(metavar="[RUN]", help="Run to show first.", autocompletion=complete_run)
    ] = None,
    runs_dir: RunsDir = RUNS_DIR,
    data_dir: DataDir = None,
    host: Annotated[str, typer.Option("--host", help="An address of this machine's own.", metavar="ADDRESS")] = HOST,
    port: Annotated[int, typer.Option("--port", help="Where to listen.", metavar="N", min=1, max=65535)] = PORT,
) -> None:
    if not is_own(host):
        raise ConfigError({"host": f"host must be {HOST} or localhost, not {host[:60]}: {from_elsewhere(port)}"})
    if find_spec("textual_serve") is None:
        raise RunError(packages.needs("serve needs", "serve"))
    shown = [] if run is None else [open_run(runs_dir, run).name]
    folders = runs_dir.absolute(), (data_dir or registry.default_data_dir()).absolute()
    # What is drawn on is a page: neither the terminal nor the locale of this command.
    os.environ |= {"TERM": "xterm-256color", "LC_ALL": "C.UTF-8"}
    command = [*program.words("tui.browser.app", "-X", "utf8"), *map(str, folders), *shown]
    from tui.browser.server import PageServer

    server = PageServer(shlex.join(command), host, port, " ".join(["vae-tui", *shown]))

    def say() -> None:
        echo(f"open {server.address}")
        echo(f"on another machine first: {tunnel(port, host)}")
        echo("ctrl+c ends this and the pages; training goes on")

    check_port(host, port)
    server.serve_until_interrupted(say)
