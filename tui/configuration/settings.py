"""Every setting of the app, declared once: its name in config.toml, the usual value, what it may be."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from core.errors import ConfigError
from core.text import closest

T = TypeVar("T")
X_AXES = ("epoch", "step", "trained", "clock")
SCALES = ("robust", "all", "zero", "log")
COLUMNS = (
    *("run", "preset", "data set", "state", "epoch", "train", "val", "best", "age"),
    *("size", "Fréchet", "tags", "note", "seed", "rate", "batch", "beta", "likelihood", "parameters"),
    *("images/s", "device", "host", "job", "created"),
)


@dataclass(frozen=True)
class Setting(Generic[T]):
    """`check` gives the value, or raises ValueError with what would be right."""

    name: str
    usual: T
    check: Callable[[object], T]
    meaning: str

    @property
    def variable(self) -> str:
        """The environment variable that comes before the file."""
        return "VAE_TUI_" + self.name.upper().replace(".", "_")


def text(value: object) -> str:
    if isinstance(value, str):
        return value
    raise ValueError("a text")


def yes_or_no(value: object) -> bool:
    if isinstance(value, bool):
        return value
    raise ValueError("true or false")


def texts(value: object) -> tuple[str, ...]:
    if isinstance(value, (list, tuple)) and all(isinstance(item, str) for item in value):
        return tuple(value)
    raise ValueError("a list of texts")


def one_of(*names: str) -> Callable[[object], str]:
    """A check for one of these."""

    def check(value: object) -> str:
        if isinstance(value, str) and value in names:
            return value
        raise ValueError(f"one of {', '.join(names)}")

    return check


def between(low: float, high: float) -> Callable[[object], float]:
    """A check for a number within bounds."""

    def check(value: object) -> float:
        if isinstance(value, (int, float)) and not isinstance(value, bool) and low <= value <= high:
            return float(value)
        raise ValueError(f"a number from {low:g} to {high:g}")

    return check


def column(value: object) -> str:
    """A column of the list, or none."""
    if isinstance(value, str) and (value in COLUMNS or not value):
        return value
    meant = closest(str(value), COLUMNS)
    raise ValueError(f"a column{f' (did you mean {meant}?)' if meant else ' such as run, val, best'}")


def columns(value: object) -> tuple[str, ...]:
    return tuple(map(column, texts(value)))


def condition(value: object) -> str:
    """Words or a condition that runs can fulfil."""
    from core.runs.choosing.conditions import parse_condition

    try:
        parse_condition(text(value))
    except ConfigError as error:
        raise ValueError(f"words or a condition ({error})") from error
    return text(value)


def theme(value: object) -> str:
    from textual.theme import BUILTIN_THEMES

    names = (*BUILTIN_THEMES, COLOUR_BLIND)
    if isinstance(value, str) and value in names:
        return value
    meant = closest(str(value), names)
    raise ValueError(f"a theme ({f'did you mean {meant}? ' if meant else ''}ctrl+p lists them)")


COLOUR_BLIND = "colour-blind"
THEME = Setting("theme", "textual-dark", theme, "the colours: a theme of Textual, or colour-blind")
SCREEN = Setting(
    "screen",
    "training",
    one_of("training", "reconstruct", "sample", "latent", "compare", "evaluate"),
    "the screen on which `vae-tui RUN` opens, kept from the last use",
)
NOTIFY = Setting(
    "notify",
    "none",
    one_of("none", "bell", "osc9", "osc777"),
    "how the terminal tells of alerts: none, bell, osc9 (iTerm2, kitty, WezTerm) or osc777 (rxvt, VTE)",
)
LIST: dict[str, Setting[Any]] = {
    "sort": Setting("list.sort", "", column, "the column by which the list is sorted; empty: the newest first"),
    "descending": Setting("list.descending", False, yes_or_no, "the order of the list turned round"),
    "columns": Setting("list.columns", (), columns, "the columns of the list; empty: the usual"),
    "filter": Setting("list.filter", "", condition, "which runs are listed, in words or as a condition"),
    "preview": Setting("list.preview", False, yes_or_no, "a pane beside the list shows the run under the cursor"),
    "folded": Setting("list.folded", (), texts, "the groups of runs that are folded into a row"),
}


@dataclass(frozen=True)
class ChartSettings:
    """Those of the charts of a screen."""

    shown: Setting[tuple[str, ...]]
    x: Setting[str]
    scale: Setting[str]
    smoothing: Setting[float]
    enlarged: Setting[str]

    @property
    def all(self) -> Sequence[Setting[Any]]:
        return [self.shown, self.x, self.scale, self.smoothing, self.enlarged]


def _charts(screen: str, smoothing: float) -> ChartSettings:
    of = f"charts.{screen}"
    return ChartSettings(
        Setting(f"{of}.shown", (), texts, f"the charts of {screen}; empty: the usual"),
        Setting(f"{of}.x", "epoch", one_of(*X_AXES), "what the x axis counts"),
        Setting(f"{of}.scale", "robust", one_of(*SCALES), "which part of the y axis is seen"),
        Setting(f"{of}.smoothing", smoothing, between(0, 1), "the weight of the values before, 0 for none"),
        Setting(f"{of}.enlarged", "", text, "the chart that fills the screen; empty: none"),
    )


CHARTS = {"training": _charts("training", 0.0), "compare": _charts("compare", 0.9)}
SETTINGS: tuple[Setting[Any], ...] = (
    THEME,
    SCREEN,
    NOTIFY,
    *LIST.values(),
    *(setting for charts in CHARTS.values() for setting in charts.all),
)
KEYS = "keys"  # the table that gives actions other keys, by their ids
