"""The options of commands are made from the declarations of the settings."""

from __future__ import annotations

import tomllib
from pathlib import Path

import typer.main
from packaging.requirements import Requirement

from core.runs.settings import SETTINGS
from tui.command_line import command_line

COMMANDS = typer.main.get_group(command_line()).commands


PROJECT = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())["project"]


def options(command: str) -> dict[str, list[str]]:
    """The names of a command's options as typed, by parameter."""
    return {str(option.name): list(option.opts) for option in COMMANDS[command].params if option.opts[0][0] == "-"}


def test_train_has_an_option_for_every_setting() -> None:
    named = options("train")
    assert {name: named[name] for name in SETTINGS} == {name: [f"--{name.replace('_', '-')}"] for name in SETTINGS}


def test_a_sweep_takes_lists_of_the_settings_that_it_may_vary() -> None:
    swept = {name for name, setting in SETTINGS.items() if setting.in_sweep}
    assert SETTINGS.keys() & options("sweep").keys() == swept
    metavars = {option.name: option.metavar for option in COMMANDS["sweep"].params}
    assert {name for name in swept if metavars[name] == "LIST"} == {name for name in swept if SETTINGS[name].sweep}


def test_no_name_of_an_option_is_taken_from_its_metavar() -> None:
    # As typer 0.27.0 to 0.27.3 do where no name is given.
    names = {name for command in COMMANDS for typed in options(command).values() for name in typed}
    assert {name for name in names if name != name.lower()} == set()


def test_releases_of_typer_that_do_not_work_are_left_out_and_those_of_gpu_images_are_not() -> None:
    (allowed,) = (found.specifier for found in map(Requirement, PROJECT["dependencies"]) if found.name == "typer")
    tried = [
        "0.15.1",
        "0.16.0",
        "0.17.4",
        "0.18.0",
        "0.20.0",
        "0.23.0",
        "0.24.0",
        "0.25.1",
        "0.26.0",
        "0.27.0",
        "0.27.3",
        "0.29.2",
    ]
    assert [version for version in tried if version not in allowed] == [
        "0.15.1",
        "0.16.0",
        "0.17.4",
        "0.24.0",
        "0.25.1",
    ]
