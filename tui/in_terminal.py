"""The app in a terminal: shown until its user leaves it, and the words that it leaves there."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from core import folders
from core.errors import DamagedFile, RunError, describe
from core.scheduling import lengthen_turn
from core.text import printable
from tui import formatting
from tui.app import VaeTui
from tui.background.garbage import collect_by_the_clock
from tui.commands.output import print_error
from tui.commands.words import command_hint
from tui.configuration.configuration import Configuration
from tui.terminal.guard import LEAVE_APP, Restore, end_with_the_terminal

if TYPE_CHECKING:
    from core.runs.catalog import RunSummary
    from core.runs.run import Run
    from tui.terminal.graphics import Graphics


def show(
    runs_dir: Path,
    data_dir: Path,
    run: Run | None,
    graphics: Graphics | None,
    restore: Restore,
    *,
    pencil: bool = False,
) -> VaeTui:
    """Run the app until its user leaves it; from then on `restore` knows what the terminal needs if the app dies.

    Raises RunError without a terminal, or OSError for relative paths where the current folder is gone.
    """
    if not all(stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr)):
        raise RunError("the app needs a terminal; without one there are vae-tui runs, vae-tui train and others: --help")
    app = make_app(runs_dir, data_dir, run, graphics)
    app.begins_with_pencil = pencil
    restore(LEAVE_APP)
    show_app(app)
    return app


def make_app(runs_dir: Path, data_dir: Path, run: Run | None, graphics: Graphics | None) -> VaeTui:
    """The app as its user set it. Raises OSError for relative paths where the current folder is gone."""
    app = VaeTui(runs_dir.absolute(), data_dir.absolute(), run, graphics=graphics)
    app.shared.folder = folders.current()
    app.configure(user_configuration())
    return app


def show_app(app: VaeTui) -> None:
    """Run the app until its user leaves it, or what it is drawn on is gone; keep what was chosen."""
    end_with_the_terminal()
    collect_by_the_clock()
    lengthen_turn()
    os.chdir("/")  # libraries that are loaded later need a current folder, and that one may be deleted
    app.run()
    try:
        app.shared.configuration.write()
    except (OSError, DamagedFile) as error:
        print_error(describe(error))


def user_configuration() -> Configuration:
    """What the user set; a user without a home is told that nothing is kept."""
    folder = folders.config_dir()
    configuration = Configuration(folder and folder / "config.toml", os.environ)
    if folder is None:
        configuration.problems.append("there is no home folder: what is chosen is not kept")
    return configuration


def _what_follows(summary: RunSummary) -> str:
    """What a run that a trainer has does without the app, and what to type."""
    look = f"look again: {command_hint(summary.run)}"
    stop = f"stop it: {command_hint(summary.run, 'control', 'stop')}"
    if summary.state == "paused":
        return f"and stays so; go on: {command_hint(summary.run, 'control', 'resume')}; {look}; {stop}"
    return f"and goes on without the app; {look}; {stop}"


def say_goodbye(app: VaeTui) -> NoReturn:
    """Print what was written and which trainings go on, and end this process."""
    from tui.background.readers import RunsReader
    from tui.terminal.graphics import delete_images

    print(end=delete_images())
    for path in app.exported:
        print(f"written: {printable(str(path))}")
    for summary in RunsReader(app.runs_dir).poll() or []:
        if summary.state is not None and summary.state.active and summary.status is not None:
            name, status = printable(summary.run.name), summary.status
            print(f"{name} is {summary.state} after {formatting.epochs(status)} epochs {_what_follows(summary)}")
    # A thread may be deep in PyTorch, which aborts when the interpreter is taken down under it.
    sys.stdout.flush()
    os._exit(app.return_code or 0)
