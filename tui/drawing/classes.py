"""What was measured of each class as tables: how it comes back, and what is drawn when it is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from tui import formatting
from tui.tables import PlainTable

if TYPE_CHECKING:
    from core.evaluation.results import Evaluation

NAME_WIDTH = 16
RIGHT, WRONG = (0, 110, 60), (150, 60, 0)  # what a share of 1 is drawn on
GAP = " "


def class_table(evaluation: Evaluation) -> PlainTable:
    """A row for each class; the largest error and the lowest share of each column are bold."""
    table = PlainTable(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    table.add_column("class", no_wrap=True)
    for name in ("images", "error", "KL", "recognised", "rebuilt", "drawn"):
        table.add_column(name, justify="right", no_wrap=True)
    found = evaluation.classes
    errors = [each.squared_error for each in found]
    shares = [
        [each.images_recognised for each in found],
        [each.reconstructions_recognised for each in found],
        [each.samples_recognised for each in found],
    ]
    for place, each in enumerate(found):
        table.add_row(
            _title(each.label, each.name),
            f"{each.images:,}",
            _marked(f"{each.squared_error:.2f}", each.squared_error == max(errors) and len(found) > 1),
            formatting.NONE if each.kl is None else f"{each.kl:.2f}",
            *(_share(column[place], column) for column in shares),
        )
    return table


MEANING = (
    "error and KL: means over the validation images; recognised, rebuilt, drawn: how many of the images, of their "
    "reconstructions and of the samples asked for the classifier takes for this class; drawn is – where "
    "samples, as those of the prior, are not asked for a class"
)


def confusion_table(evaluation: Evaluation) -> PlainTable:
    """Asked classes as rows, recognised ones as columns, in percent of the row, shaded by it."""
    asked = evaluation.asked or ()
    names = {each.label: each.name for each in evaluation.classes}
    used = [label for label, row in enumerate(asked) if sum(row) or any(other[label] for other in asked)]
    table = PlainTable(box=None, pad_edge=False, header_style="dim", padding=0)
    table.add_column("asked", no_wrap=True)
    for label in used:
        table.add_column(f"{label:>4} ", justify="right", no_wrap=True)
    table.add_column(f"{GAP * 2}samples", justify="right", no_wrap=True)
    for label in used:
        total = sum(asked[label])
        cells = [_shaded(asked[label][other] / total if total else 0.0, other == label) for other in used]
        table.add_row(f"{_title(label, names.get(label, ''))}{GAP * 2}", *cells, f"{GAP * 2}{total:,}")
    return table


CONFUSION_MEANING = "the class that was asked for, and below 0, 1, … what the classifier takes the samples for, in %"


def _title(label: int, name: str) -> str:
    return formatting.class_title(label, [*[""] * label, name])[:NAME_WIDTH]


def _marked(text: str, marked: bool) -> Text:
    return Text(text, "bold" if marked else "")


def _share(value: float | None, column: list[float | None]) -> Text:
    if value is None:
        return Text(formatting.NONE)
    known = [each for each in column if each is not None]
    return _marked(f"{value:.1%}", value == min(known) < max(known))


def _shaded(share: float, right: bool) -> Text:
    """A share in percent: less than half of one is a dot."""
    percent = round(100 * share)
    if not percent:
        return Text("   · ", "dim")
    strength = min(1.0, share if right else 0.4 + 2 * share)  # mistakes are few and are to be seen
    red, green, blue = (round(strength * part) for part in (RIGHT if right else WRONG))
    return Text(f"{percent:>4} ", f"{'bold ' if right else ''}rgb(255,255,255) on rgb({red},{green},{blue})")
