"""The same digits, reconstructed by two runs."""

from __future__ import annotations

import numpy as np
from textual.app import ComposeResult

from core.arrays import Images
from core.explorer.protocol import compare_reconstructions
from core.explorer.results import Comparison
from core.runs.run import Run
from core.shapes import IMAGE_SHAPE
from tui.screens import exporting
from tui.screens.compare.view import WAITING, ModelsView, Question
from tui.screens.exporting import Export
from tui.widgets.gallery import Gallery

# Original, left, right; where there is room, the errors of both below.
STACK, TALL_STACK = (3, *IMAGE_SHAPE), (5, *IMAGE_SHAPE)
LOW_STACK = (2, *IMAGE_SHAPE)  # without the original
TALL = 36
ROOMY = 14  # cells for two errors with a decimal


class DigitsView(ModelsView[Comparison]):
    """The same digits, reconstructed by both."""

    title = "digits"
    topic = "error"

    def __init__(self) -> None:
        super().__init__(id="digits")
        self.first = 0
        self._comparison: Comparison | None = None

    def compose(self) -> ComposeResult:
        yield Gallery(at_least=4, captions="beside", message=WAITING)

    @property
    def _stack(self) -> tuple[int, int, int]:
        if self.size.height >= TALL:
            return TALL_STACK
        return STACK if self.query_one(Gallery).tiling(STACK) else LOW_STACK

    def question(self) -> Question[Comparison]:
        tiling, first = self.query_one(Gallery).tiling(self._stack), self.first
        count = tiling.capacity if tiling else 1
        return lambda left, right: compare_reconstructions(left, right, first, count)

    def show(self, answer: Comparison) -> None:
        self._comparison, page, images = answer, answer.page, self._images(answer)
        self.heading = {2: "from top: both runs", 3: "from top: original, both runs"}.get(
            len(images), "from top: original, both runs, their errors"
        )
        gallery = self.query_one(Gallery)
        tiling = gallery.tiling(self._stack)
        form = "{:.1f}  {:.1f}" if tiling and tiling.cells_wide >= ROOMY else "{:.0f} {:.0f}"
        errors = zip(page.errors.tolist(), answer.other.errors.tolist(), strict=True)
        captions = [form.format(*pair) for pair in errors]
        gallery.show(np.stack(images, axis=1), captions)

    def _images(self, comparison: Comparison) -> list[Images]:
        """Originals, reconstructions of both and where there is room their errors, each (N, 28, 28)."""
        page = comparison.page
        images = [page.originals, page.reconstructions, comparison.other.images]
        if self._stack == LOW_STACK:
            return images[1:]
        if self._stack == TALL_STACK:
            images += [np.abs(image - page.originals) for image in images[1:]]
        return images

    def show_message(self, message: str) -> None:
        self._comparison = None
        self.query_one(Gallery).show_message(message)

    def turn(self, by: int) -> None:
        """Go on to other digits, by pages."""
        if self._comparison is not None:
            page, shown = self._comparison.page, len(self._comparison.page.indices)
            self.first = min(max(self.first + by * shown, 0), max(page.total - shown, 0))

    def go_to_edge(self, which: int) -> None:
        """Go to the first page, or for -1 to the last."""
        if self._comparison is not None:
            self.first = max(self._comparison.page.total - len(self._comparison.page.indices), 0) if which else 0

    def to_export(self, stem: str, runs: tuple[Run, Run]) -> Export | None:
        if self._comparison is None:
            return None
        images = self._images(self._comparison)
        return Export(lambda folder: exporting.write_picture(folder, stem, np.concatenate(images), len(images[0])))
