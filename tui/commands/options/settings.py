"""The options that are made from the settings of a run, and those of what is drawn from it."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Annotated, Any

import typer

from core.errors import ConfigError
from core.runs.run import SHARED, Share
from core.runs.settings import SETTINGS, default_text
from core.text import either
from tui.commands.options.common import complete_run

# Values are taken as text, with None for the default: core.runs.config explains what is wrong with one, everywhere
# in the same words.
Command = Callable[..., None]
Shared = Annotated[
    str | None,
    typer.Option(
        "--share",
        help="Who may read the run besides you.",
        metavar="|".join(SHARED),
        show_default="nobody",
        autocompletion=lambda: list(SHARED),
    ),
]
Digit = Annotated[
    str | None, typer.Option("--digit", help="The digit, of a learned prior.", metavar="N", show_default="any")
]
Guidance = Annotated[
    str | None,
    typer.Option(
        "--guidance",
        help="How much the digit matters to a learned prior.",
        metavar="X",
        show_default="1: no guidance",
    ),
]
Steps = Annotated[
    str | None,
    typer.Option("--steps", help="In how many a learned prior denoises.", metavar="N", show_default="10; 50 for ddpm"),
]


def check_share(name: str | None) -> Share | None:
    """With whom a new run is shared. Raises ConfigError."""
    for share in SHARED:
        if name == share:
            return share
    if name is not None:
        raise ConfigError({"share": f"share must be {either(list(SHARED))}, not {name[:60]!r}"})
    return None


def setting_option(
    name: str,
    *,
    help: str = "",  # noqa: A002
    metavar: str = "",
    default: str = "",
    hidden: bool = False,
    choices: Sequence[str] = (),
) -> Any:
    """The option of a setting, as typer takes it; the shell completes `choices`, usually all there are."""
    setting = SETTINGS[name]
    shown = default or default_text(name)
    return typer.Option(
        f"--{name.replace('_', '-')}",
        help=help or f"{setting.help}.",
        metavar=metavar or setting.metavar,
        show_default=shown or False,
        hidden=hidden,
        autocompletion=complete_run if name == "first_stage" else lambda: list(choices or setting.choices),
    )


def takes_settings(options: dict[str, Any]) -> Callable[[Command], Command]:
    """Give a command these options, by the names of settings; it gets what was typed as its argument `settings`."""

    def decorate(function: Command) -> Command:
        @functools.wraps(function)
        def command(**values: Any) -> None:
            settings = {name: values.pop(name) for name in options}
            function(settings={name: value for name, value in settings.items() if value is not None}, **values)

        made = [
            inspect.Parameter(
                name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[str | None, option]
            )
            for name, option in options.items()
        ]
        own = [
            parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)
            for name, parameter in inspect.signature(function, eval_str=True).parameters.items()
            if name != "settings"
        ]
        command.__signature__ = inspect.Signature([*made, *own])  # type: ignore[attr-defined]
        command.__annotations__ = {parameter.name: parameter.annotation for parameter in (*made, *own)}
        return command

    return decorate
