"""docs/reference.md has the commands as they are declared, with what they end with and what the environment changes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import typer
from packaging.version import Version
from rich.text import Text

from core.jobs.process import EXIT_REFUSED
from tui.command_line import command_line
from tui.commands.output import EXIT_BAD_INPUT, EXIT_FAILED, EXIT_INTERRUPTED, EXIT_TIME_LIMIT
from tui.commands.words import COMMANDS

PAGE = Path(__file__).parents[3] / "docs" / "reference.md"
HEAD = """\
# Reference

Every command with its options. This page is made from the declarations, by
`pytest tests/tui/commands/test_reference.py --snapshot-update`; `vae-tui COMMAND --help` says the same.

What else there is to look up: the settings of a run in [settings.md](settings.md), the keys in [keys.md](keys.md), the
settings of the app and its variables in [configuration.md](configuration.md), the files of a run in
[run-directory.md](run-directory.md).
"""
ENDS = {
    0: "done",
    EXIT_FAILED: "a training failed, a check did not hold, or whoever read the output left",
    EXIT_BAD_INPUT: "bad input, which one line names",
    EXIT_REFUSED: "of a trainer (`core.worker`): another has the run, or its settings cannot be; it was not touched",
    EXIT_TIME_LIMIT: "a training was saved and stopped by its `--time-limit`; `vae-tui resume` continues",
    EXIT_INTERRUPTED: "Ctrl-C where it does not save and stop",
}
VARIABLES = {
    "VAE_TUI_DATA": "the folder of the image sets, where `--data-dir` is not given",
    "VAE_TUI_…": "a setting of the app: [configuration.md](configuration.md)",
    "NO_COLOR": "no colours, whatever the terminal has",
    "TERM, COLORTERM": "what the terminal can do; `TERM=dumb` is plain ASCII",
    "LC_ALL, LC_CTYPE, LANG": "other than UTF-8: plain ASCII",
    "XDG_CONFIG_HOME, XDG_CACHE_HOME, XDG_STATE_HOME": (
        "where `config.toml`, compiled steps and the history of `bench` are"
    ),
    "CUDA_VISIBLE_DEVICES": "the GPUs that there are",
    "OMP_NUM_THREADS": "the most threads that a training computes with",
}


def cells(*words: str) -> str:
    safe = (word.replace("|", "\\|") for word in words)
    return f"| {' | '.join(safe)} |\n"


def head(*words: str) -> str:
    return cells(*words) + "|" + " --- |" * len(words) + "\n"


def option(parameter: Any) -> str:
    """A row: the option as it is typed, what it is, and what holds without it."""
    takes = "" if parameter.is_flag else f" {parameter.metavar or parameter.name.upper()}"
    names = ", ".join(f"`{name}{takes}`" for name in (*parameter.opts, *parameter.secondary_opts))
    default = parameter.show_default if isinstance(parameter.show_default, str) else parameter.default
    without = "needed" if parameter.required else "" if default in (None, False, (), []) else str(default)
    return cells(names, " ".join((parameter.help or "").split()), without)


def everywhere(group: Any) -> str:
    """The options that need no command, and the one that every command has."""
    shown = "".join(cells(f"`{each.opts[0]}`", each.help) for each in group.params)
    return (
        head("option", "what it is") + shown + cells("`-h`, `--help`", "What there is; after a command, its options.")
    )


def command(name: str, found: Any) -> str:
    """The heading, the purpose, what it is given and its options."""
    arguments = [each for each in found.params if each.param_type_name == "argument"]
    shown = [each for each in found.params if each.param_type_name == "option" and not each.hidden]
    options = [each for each in shown if each.name != "help"]
    named = {each.metavar or each.name.upper(): each.help for each in arguments}
    parts = (
        f"### `{' '.join(('vae-tui', name, *named))}`",
        COMMANDS[name].purpose,
        "\n".join(f"- `{metavar}`: {purpose}" for metavar, purpose in named.items() if purpose),
        (head("option", "what it is", "without it") + "".join(map(option, options))).strip() if options else "",
    )
    return "\n\n".join(filter(None, parts)) + "\n"


def page() -> str:
    group = typer.main.get_command(command_line())
    commands = "\n".join(command(name, group.commands[name]) for name in COMMANDS)  # type: ignore[attr-defined]
    ends = head("exit status", "when") + "".join(cells(str(status), when) for status, when in ENDS.items())
    variables = head("variable", "what it changes") + "".join(
        cells(", ".join(f"`{each}`" for each in name.split(", ")), what) for name, what in VARIABLES.items()
    )
    parts = {
        "Without a command": everywhere(group),
        "Commands": commands,
        "How commands end": ends,
        "The environment": variables,
    }
    return "\n".join([HEAD, *(f"## {title}\n\n{text}" for title, text in parts.items())])


@pytest.mark.skipif(Version(typer.__version__) < Version("0.26"), reason="arguments keep their help elsewhere")
def test_the_reference_has_every_command_as_declared(request: pytest.FixtureRequest) -> None:
    if request.config.getoption("update_snapshots"):
        PAGE.write_text(page())
    assert PAGE.read_text() == page()


def test_help_shows_every_word_of_an_option() -> None:
    group = typer.main.get_command(command_line())
    found = [option.help for name in COMMANDS for option in group.commands[name].params if option.help]  # type: ignore[attr-defined]
    assert [text for text in found if Text.from_markup(text).plain != text] == []
