"""Opening the app: what asks for it is read here, as what reads all commands takes as long to load as the app."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from core import files
from core.data import registry
from core.errors import ConfigError, RunError, check_packages
from core.text import closest
from tui.commands.words import COMMANDS, RUNS_DIR
from tui.terminal.guard import guarded, kept_typing

if TYPE_CHECKING:
    from core.runs.run import Run
    from tui.terminal.graphics import Graphics


class NotUnderstood(Exception):
    """The words do not open the app, or not as they stand; the command line says what is wrong with them."""


class Words(argparse.ArgumentParser):
    """Reads the words that open the app, but for the name of a run."""

    def __init__(self) -> None:
        super().__init__(add_help=False, allow_abbrev=False)
        self.add_argument("--runs-dir", type=files.expanded, default=RUNS_DIR)
        self.add_argument("--data-dir", type=files.expanded)
        self.add_argument("--graphics", action="store_true")

    def error(self, message: str) -> NoReturn:
        raise NotUnderstood(message)


def open_as_asked(arguments: list[str]) -> None:
    """Open the app, if that is all that the words ask for. Raises NotUnderstood, or as `open_app`."""
    if arguments and arguments[0] in COMMANDS:
        raise NotUnderstood(arguments[0])
    words, rest = Words().parse_known_args(arguments)
    if len(rest) > 1 or any(word.startswith("-") for word in rest):
        raise NotUnderstood(*rest)
    open_app(next(iter(rest), None), words.runs_dir, words.data_dir, words.graphics)


def open_app(
    run: str | None, runs_dir: Path, data_dir: Path | None, graphics: bool, *, pencil: bool = False
) -> NoReturn:
    """Show the app until its user leaves it. Raises PackageMissing, RunError, ConfigError or OSError."""
    check_packages("numpy")
    with guarded() as restore, kept_typing():  # loading what follows takes most of a second
        chosen = open_run(runs_dir, run) if run else None
        from tui.in_terminal import say_goodbye, show

        asked = ask_for_graphics() if graphics else None
        app = show(runs_dir, data_dir or registry.default_data_dir(), chosen, asked, restore, pencil=pencil)
    say_goodbye(app)


def open_run(runs_dir: Path, name: str) -> Run:
    """The run of that name. Raises RunError, which names a command that may have been meant."""
    from core.runs.catalog import find_run

    try:
        return find_run(runs_dir, name)
    except RunError as error:
        if command := closest(name, COMMANDS):
            raise RunError(f"there is no command {name!r}; did you mean vae-tui {command}? And {error}") from None
        raise


def ask_for_graphics() -> Graphics:
    """What the terminal draws pictures with. Raises ConfigError saying why it does not."""
    from tui.terminal.detection import detect_graphics
    from tui.terminal.graphics import NoGraphics

    try:
        return detect_graphics()
    except NoGraphics as error:
        raise ConfigError({"graphics": str(error)}) from error
