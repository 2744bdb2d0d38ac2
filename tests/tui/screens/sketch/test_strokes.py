"""Test digits drawn stroke by stroke, with the sequences that a terminal sends for a mouse, are what they were."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import numpy as np
import pytest

from core import program
from core.arrays import Images
from core.data.images import load_image_set
from core.explorer.queries import RunExplorer
from core.runs.run import Run
from core.sketch.canvas import EMPTY, draw
from core.sketch.centring import centred
from tests.support.terminal import ENVIRONMENT, Terminal

SHIPPED = Path(__file__).parents[4] / "checkpoints" / "vae-mnist"
LEFT, TOP = 2, 4  # the cell of the sheet's upper left pixel, counted from 1: below two lines and a border
FINEST = "[" * 9
SEEN = re.compile(r"squared error ([\d.]+).*?takes it for (\d)", re.DOTALL)


def strokes(digit: Images) -> Iterator[tuple[int, int, int]]:
    """Row, first and last column of each run of ink."""
    for row, line in enumerate(digit > 0.5):
        for is_ink, run in groupby(enumerate(line), key=lambda pair: pair[1]):
            columns = [column for column, _ in run]
            if is_ink:
                yield row, columns[0], columns[-1]


def mouse(digit: Images) -> str:
    """What a terminal sends while these strokes are drawn, two cells for a pixel."""
    sent = ""
    for row, first, last in strokes(digit):
        start, end = LEFT + 2 * first, LEFT + 2 * last + 1
        line = TOP + row
        sent += f"\x1b[<0;{start};{line}M\x1b[<32;{end};{line}M\x1b[<0;{end};{line}m"
    return sent


def drawn(digit: Images) -> Images:
    ink = EMPTY
    for row, first, last in strokes(digit):
        ink = draw(ink, (first + 0.25, row + 0.5), (last + 0.75, row + 0.5), 1.0)
    return ink


@pytest.mark.slow
def test_ten_test_digits_are_recognised_and_lie_where_they_were(tmp_path: Path) -> None:
    shutil.copytree(SHIPPED, tmp_path / "checkpoints" / "vae-mnist")
    images = load_image_set("mnist-5k")
    labels = images.validation_labels.numpy()
    chosen = [int(np.flatnonzero(labels == label)[0]) for label in range(10)]
    digits = images.validation_images[chosen, 2:-2, 2:-2].numpy().astype(np.float32) / 255
    explorer = RunExplorer.open(Run(tmp_path / "checkpoints" / "vae-mnist"), tmp_path)
    words = [*program.words("sketch"), "vae-mnist", "--runs-dir", str(tmp_path / "checkpoints"), "--data-dir", "."]
    found, errors = [], []
    with Terminal(words, tmp_path, ENVIRONMENT | {"COLORTERM": "truecolor"}, (120, 40)) as terminal:
        for key, awaited in (("", "puts the pen down"), (FINEST, "1 pixels wide")):
            terminal.press(key)
            terminal.wait_for(awaited)
        for digit in digits:
            terminal.press("0")
            terminal.wait_for("draw a digit")
            terminal.press(mouse(digit))
            terminal.wait_for("takes it for")
            shown = ""
            while shown != (shown := terminal.read(1.0)):
                pass
            error, label = SEEN.search(shown).groups()  # type: ignore[union-attr]
            found.append(int(label))
            errors.append(float(error))
    assert sum(label == number for number, label in enumerate(found)) >= 9, found
    for digit, error in zip(digits, errors, strict=True):
        before, after = explorer.sketch(digit, 1), explorer.sketch(centred(drawn(digit)), 1)
        assert error == pytest.approx(after.error, abs=0.1), "what the terminal sent is what was meant"
        assert after.error < 2 * before.error + 15
        spread = explorer.projection(before.options).points.std(axis=0)
        assert np.abs((after.point - before.point) / spread).max() < 1
