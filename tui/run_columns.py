"""The columns of the run list, declared once for screen 1, `vae-tui runs` and the table of a sweep."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from rich.text import Text

from core.runs.choosing.quantities import NUMBERS, TEXTS
from core.text import printable
from tui import formatting

if TYPE_CHECKING:
    from core.runs.catalog import RunSummary
    from core.runs.choosing.groups import RunGroup

Cell = Callable[["RunSummary"], Text]
LONGEST_NOTE = 40  # cells
# Of a list that is printed: what is shortened and to which width at least, what is left out, and what is between two.
SHORTENED, LEAST, GAP = ("run", "data set"), 12, 2
FIRST_LEFT_OUT = ("train", "preset", "data set", "val", "age", "best", "epoch")


def _right(text: str) -> Text:
    return Text(text, justify="right")


def _name(run: RunSummary) -> Text:
    """The name, with a sign behind that of a fork."""
    fork = run.config and run.config.forked_from
    return Text(printable(run.run.name)).append(f" {formatting.FORK}" if fork else "", "dim")


def _setting(name: str) -> Cell:
    """A setting as a user would type it."""

    def cell(run: RunSummary) -> Text:
        value = getattr(run.config, name, None)
        if value is None:
            return _right(formatting.NONE)
        return _right(f"{value:g}" if isinstance(value, float) else str(value))

    return cell


def _note(run: RunSummary) -> Text:
    text = printable(" ".join(run.notes.note.split()))
    return Text(text if len(text) <= LONGEST_NOTE else f"{text[: LONGEST_NOTE - 1]}…")


def _frechet(run: RunSummary) -> Text:
    """The Fréchet distance that was measured and with which sampler; `old` where the weights are others by now."""
    if run.evaluated_damage:
        return Text("! damaged", "bold red")
    found = run.evaluation
    if found is None or found.frechet is None:
        return Text(formatting.NONE, justify="right")
    of = {True: "", False: " old", None: " ?"}[found.newest]
    return Text(f"{found.frechet:.2f} {printable(found.sampler)}{of}", "" if found.newest else "dim", justify="right")


def _parameters(run: RunSummary) -> Text:
    count = NUMBERS["parameters"](run)
    return _right(formatting.NONE if count is None else f"{count:,}")


RUN_COLUMNS: Mapping[str, Cell] = {
    "run": _name,
    "preset": lambda run: Text(run.config.preset if run.config else formatting.NONE),
    "data set": lambda run: Text(printable(run.config.dataset_title) if run.config else formatting.NONE),
    "state": formatting.state,
    "epoch": lambda run: _right(formatting.epochs(run.status)),
    "train": lambda run: _right(formatting.loss(run.train_loss)),
    "val": lambda run: _right(formatting.validation(run)),
    "best": lambda run: _right(formatting.loss(run.best and run.best[1])),
    "age": lambda run: _right(formatting.age(time.time() - run.changed) if run.changed else formatting.NONE),
}
# Those that few want to see, in the order in which they stand behind the usual ones.
MORE_COLUMNS: Mapping[str, Cell] = {
    "size": lambda run: _right(formatting.NONE if run.size is None else formatting.memory(run.size)),
    "Fréchet": _frechet,
    "tags": lambda run: Text(printable(" ".join(run.notes.tags))),
    "note": _note,
    "seed": _setting("seed"),
    "rate": _setting("learning_rate"),
    "batch": _setting("batch_size"),
    "beta": _setting("beta"),
    "likelihood": lambda run: Text(str(TEXTS["likelihood"](run) or formatting.NONE)),
    "parameters": _parameters,
    "images/s": lambda run: _right(f"{run.status.images_per_second:,.0f}" if run.status else formatting.NONE),
    "device": lambda run: Text(printable(run.status.device) if run.status else formatting.NONE),
    "host": lambda run: Text(printable(run.queued.host if run.queued else (run.status and run.status.host) or "")),
    "job": lambda run: Text(printable((run.status and run.status.job) or "")),
    "created": lambda run: Text(
        printable(run.config.created[:16].replace("T", " ")) if run.config else formatting.NONE
    ),
}
# The quantity that a column is sorted by.
SORTED_BY: Mapping[str, str] = {
    **{title: title for title in ("run", "preset", "state", "epoch", "best", "age", "size", "tags", "note", "seed")},
    **{title: title for title in ("beta", "likelihood", "parameters", "device", "host", "job", "created")},
    "data set": "dataset",
    "Fréchet": "frechet",
    "train": "train_loss",
    "val": "val_loss",
    "images/s": "images_per_second",
    "rate": "learning_rate",
    "batch": "batch_size",
}
STATES_SHOWN = 3  # kinds of them, of a group


def run_cells(run: RunSummary) -> list[Text]:
    """A run as a row of the list."""
    return [cell(run) for cell in RUN_COLUMNS.values()]


def fitted(runs: Sequence[RunSummary], width: int | None) -> tuple[list[str], list[list[Text]]]:
    """The titles and rows of a printed list that fits into `width` cells, two between its columns; None is any width.

    Names and image sets are shortened in their middle; where that is not enough, columns are left out.
    """
    titles, rows = list(RUN_COLUMNS), [dict(zip(RUN_COLUMNS, run_cells(run), strict=True)) for run in runs]
    if width is not None:
        widest = {title: max([len(title), *(row[title].cell_len for row in rows)]) for title in titles}
        least = widest | {title: min(widest[title], LEAST) for title in SHORTENED}
        room = width - sum(least[title] + GAP for title in titles) + GAP
        for title in FIRST_LEFT_OUT:
            if room < 0:
                titles.remove(title)
                room += least[title] + GAP
        for title in filter(titles.__contains__, SHORTENED):
            more = min(room, widest[title] - least[title])  # or less, where the names alone are too wide
            room -= more
            for row in rows:
                row[title] = shortened(row[title], least[title] + more)
    return titles, [[row[title] for title in titles] for row in rows]


def shortened(text: Text, room: int) -> Text:
    """The text in so many cells; what it begins and ends with tells names of runs apart."""
    if text.cell_len <= room:
        return text
    kept = max(room - 1, 0)
    while True:
        short = Text.assemble(text[: kept - kept // 2], "…", text[len(text) - kept // 2 :], justify=text.justify)
        if short.cell_len <= room or not kept:
            return short
        kept -= 1  # of signs that take two cells


def group_cell(title: str, cell: Cell, group: RunGroup) -> Text:
    """What stands for a group of runs in a column: what all have in common, else the best or the newest."""
    match title:
        case "run":
            return Text(f"▸ {printable(group.title)} ×{len(group.runs)}", "bold")
        case "state":
            return _states(group)
        case "train" | "val" | "best" if group.other_sums:
            return _right("…")
        case "val":
            return _right(formatting.loss(group.last))
        case "best":
            return _right(formatting.loss(group.best and group.best[1]))
        case "Fréchet":
            return _frechet_of_all(group, cell)
        case "age":
            return cell(max(group.runs, key=lambda run: run.changed))
        case "size":
            sizes = [run.size for run in group.runs if run.size is not None]
            return _right(formatting.memory(sum(sizes)) if sizes else formatting.NONE)
    first, *others = map(cell, group.runs)
    alike = all(other.plain == first.plain for other in others)
    return first if alike else Text("…", justify=first.justify)


def _frechet_of_all(group: RunGroup, cell: Cell) -> Text:
    """The smallest distance, where all were measured in the same features."""
    found = [(run.evaluation, run) for run in group.runs if run.evaluation]
    known = [(one.frechet, one.features, run) for one, run in found if one.frechet is not None]
    if len({features for _, features, _ in known}) != 1:
        return _right("…" if known else formatting.NONE)
    return cell(min(known, key=lambda one: one[0])[2])


def _states(group: RunGroup) -> Text:
    """How many of its runs are in which state: 3 ✓ 1 ▶."""
    found = Text()
    for word, count in group.states[:STATES_SHOWN]:
        sign, style = formatting.STATE_LOOKS.get(word, ("!", "bold red"))
        found.append(f"{' ' * bool(found)}{count}").append(sign, style)
    return found.append("…" if len(group.states) > STATES_SHOWN else "")
