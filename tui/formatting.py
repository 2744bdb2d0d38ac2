"""How numbers, times and states read, everywhere the same."""

from __future__ import annotations

import time

from rich.text import Text

from core.latents.options import SamplingOptions
from core.runs.catalog import RunSummary
from core.runs.status import State
from core.text import printable as printable


def run_cells(summary: RunSummary) -> list[Text]:
    """A run as the cells of a table: name, preset, data set, state, epoch, losses, age."""
    config, status = summary.config, summary.status
    return [
        Text(printable(summary.run.name)),
        Text(config.preset if config else "–"),
        Text(config.dataset if config else "–"),
        state(summary),
        Text(f"{status.epoch}/{status.epochs}" if status else "–", justify="right"),
        Text(loss(summary.train_loss), justify="right"),
        Text(loss(summary.val_loss), justify="right"),
        Text(age(time.time() - summary.changed) if summary.changed else "–", justify="right"),
    ]


# A sign beside each state, so that colour is never needed to tell them apart.
STATE_SIGNS = {
    State.CREATED: "·",
    State.RUNNING: "▶",
    State.PAUSED: "‖",
    State.STOPPED: "■",
    State.FINISHED: "✓",
    State.FAILED: "✗",
    State.LOST: "?",
}
STATE_COLORS = {
    State.CREATED: "dim",
    State.RUNNING: "green",
    State.PAUSED: "yellow",
    State.STOPPED: "cyan",
    State.FINISHED: "bold",
    State.FAILED: "red",
    State.LOST: "magenta",
}


def loss(value: float | None) -> str:
    """A loss with as many digits as tell runs apart."""
    return "–" if value is None or value != value else f"{value:.2f}"


def duration(seconds: float) -> str:
    """A length of time in its two largest units, such as 3 h 12 m; from ten minutes on without seconds."""
    seconds = max(0, round(seconds))
    if 600 <= seconds < 3600:
        return f"{seconds // 60} m"
    for size, unit, below, smaller in ((86400, "d", 3600, "h"), (3600, "h", 60, "m"), (60, "m", 1, "s")):
        if seconds >= size:
            rest = seconds % size // below
            return f"{seconds // size} {unit} {rest} {smaller}"
    return f"{seconds} s"


def count(number: int, what: str) -> str:
    """How many of something, such as 1 epoch or 12 epochs."""
    return f"{number} {what}{'s' * (number != 1)}"


def about(seconds: float) -> str:
    """A length of time that is only estimated: to the minute where it is one or longer."""
    return duration(seconds) if not 60 <= seconds < 3600 else f"{round(seconds / 60)} m"


def age(seconds: float) -> str:
    """How long ago, in the largest unit only."""
    return "now" if seconds < 2 else " ".join(duration(seconds).split()[:2])


def memory(count: float) -> str:
    """Bytes in GB, or MB below one."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"


def state(summary: RunSummary) -> Text:
    """The state of a run with its sign and colour."""
    if summary.damage or summary.state is None:
        return Text("! damaged", "bold red")
    return Text(f"{STATE_SIGNS[summary.state]} {summary.state}", STATE_COLORS[summary.state])


def wish(wish: SamplingOptions) -> str:
    """What a learned prior is asked for."""
    digit = "any digit" if wish.digit is None else f"digit {wish.digit}"
    guidance = f", guidance {wish.guidance:g}" if wish.guidance != 1 else ""
    return f"{digit}{guidance}, {count(wish.steps, 'step')}"
