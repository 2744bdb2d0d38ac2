"""Draw a digit, and see with every stroke how the model reconstructs it, where it lies, and what it is taken for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical

from core import files
from core.arrays import Images
from core.runs.run import Run
from core.shapes import IMAGE_SHAPE
from core.sketch.canvas import WIDTHS, Point
from core.sketch.centring import centred
from core.sketch.sheet import TOOLS, Sheet, Tool
from tui import formatting
from tui.panels import TilePage
from tui.screens import exporting
from tui.screens.dialogs import AskValue
from tui.screens.explore_base import ExploreSources
from tui.screens.exporting import Export
from tui.screens.help.formulas import for_run
from tui.screens.inspect.path import LatentPathScreen
from tui.screens.moments.detail import DetailScreen
from tui.screens.selection import Shared
from tui.screens.sketch.completion import CompletionScreen
from tui.screens.sketch.keys import HINTS, SKETCH_KEYS
from tui.screens.sketch.paper import Paper, pen_words
from tui.widgets.bars import Lines
from tui.widgets.gallery import Gallery
from tui.widgets.scatter import Scatter

if TYPE_CHECKING:
    from core.explorer.results import LatentProjection, Sketched
    from core.latents.options import ProjectionOptions

NEAREST = 5
UNDONE = 100  # strokes that can be taken back
USUAL_WIDTH = WIDTHS.index(2.5)


class SketchScreen(DetailScreen):
    """Opened by `b` with the sheet as it was left; the model sees what is drawn where MNIST has its digits."""

    TITLE_IN_BAR = "sketch"
    ABOUT = "pencil: draw with the mouse, or with space and the arrow keys"

    CSS = """
    SketchScreen #body { height: 1fr; }
    SketchScreen #left { width: 58; }
    SketchScreen #paper { height: 30; border: round $panel-lighten-2; width: 58; }
    SketchScreen #pen { color: $text-muted; padding: 0 1; }
    SketchScreen #right { width: 1fr; padding: 0 0 0 1; }
    SketchScreen #pair { height: 15; }
    SketchScreen #said { height: 3; text-overflow: ellipsis; }
    SketchScreen #nearest { height: 9; }
    SketchScreen #plane { height: 1fr; }
    SketchScreen.-low #left, SketchScreen.-slim #left { width: 30; }
    SketchScreen.-low #paper, SketchScreen.-slim #paper { width: 30; height: 16; }
    SketchScreen.-low #pair { height: 8; }
    SketchScreen.-low #plane { display: none; }
    """
    VERTICAL_BREAKPOINTS = [(0, "-low"), (36, "-tall")]
    HORIZONTAL_BREAKPOINTS = [(0, "-slim"), (110, "-wide")]
    BINDINGS: ClassVar[list[BindingType]] = SKETCH_KEYS

    def __init__(self, shared: Shared, sources: ExploreSources, opened_from: str) -> None:
        super().__init__(shared, sources)
        self._opened_from = opened_from
        shared.strokes = shared.strokes or [Sheet()]
        self._pen, self._is_down, self._width = (14, 14), False, USUAL_WIDTH
        self._tool: Tool = "pencil"
        self.answer: Sketched | None = None
        self._asked: Sheet | None = None  # that the model was asked about last
        self._plane: ProjectionOptions | None = None

    @property
    def title_in_bar(self) -> str:
        return self._opened_from

    @property
    def topic(self) -> str:
        return for_run("sketch", self._config)

    @property
    def sheet(self) -> Sheet:
        """What is drawn, and what is hidden of it."""
        return self.shared.strokes[-1]

    @property
    def ink(self) -> Images:
        """What is drawn, (28, 28) in [0, 1]."""
        return self.sheet.ink

    def compose_body(self) -> ComposeResult:
        with Horizontal(id="body"):
            with Vertical(id="left"):
                yield Paper(id="paper")
                yield Lines(id="pen")
            with Vertical(id="right"):
                yield Gallery(columns=2, message="draw a digit", id="pair")
                yield Lines(id="said")
                yield Gallery(columns=NEAREST, id="nearest")
                yield Scatter(id="plane")

    def on_mount(self) -> None:
        self._show_paper()

    def on_screen_resume(self) -> None:
        if self._asked not in (None, self.sheet):  # it was drawn on where the pencil is opened as well
            self._is_down = False
            self._show_paper()
            self.request_content()

    # What the model makes of it

    def request_content(self) -> None:
        self._asked, ink = self.sheet, self.ink
        if not ink.any():
            self.answer = self._plane = None
            self.query_one("#pair", Gallery).show_message("draw a digit")
            self.query_one("#nearest", Gallery).show_message("")
            self.query_one("#plane", Scatter).show_message("")
            self._say()
            return
        if self.answer is None:
            self.query_one("#pair", Gallery).show_message("looking at it")
        image = centred(ink)
        self.ask("sketch", lambda explorer: explorer.sketch(image, NEAREST), lambda answer: self._show(image, answer))

    def _show(self, image: Images, answer: Sketched) -> None:
        if not self.ink.any():  # it was cleared meanwhile
            return
        self.answer = answer
        pair = np.stack([image, answer.reconstruction])[:, None]
        self.query_one("#pair", Gallery).show(pair, ["centred", "reconstructed"])
        names = [formatting.class_title(int(label), answer.classes) for label in answer.labels]
        self.query_one("#nearest", Gallery).show(answer.neighbours[:, None], names)
        if answer.options != self._plane:
            self._plane = answer.options
            self.ask("plane", lambda explorer: explorer.projection(answer.options), self._show_plane)
        self.query_one("#plane", Scatter).place_cursor(*answer.point.tolist())
        self._say()

    def _show_plane(self, plane: LatentProjection) -> None:
        if self.answer is None:  # it was cleared meanwhile
            return
        scatter = self.query_one("#plane", Scatter)
        x, y = plane.projection.axes
        scatter.show(plane.points, plane.labels, title="where it lies", x_label=x, y_label=y, count=len(plane.classes))
        scatter.place_cursor(*self.answer.point.tolist())

    def _say(self) -> None:
        hint = HINTS[self._tool]
        if self.sheet.hidden.any():
            half = self.sheet.half
            hint = f"{f'the {half} half' if half else 'a part'} is hidden: enter completes it, c hides another half"
        self.set_heading(self._tool, hint)
        answer = self.answer
        if answer is None:
            self.query_one("#said", Lines).show(Text())
            return
        whole = "of the whole: " if self.sheet.hidden.any() else ""
        lines = [Text(f"{whole}{formatting.sketched(answer)}")]
        if answer.probabilities is not None:
            taken_for = (formatting.taken_for(answer.probabilities), "bold")
            lines.append(Text.assemble(f"a classifier takes {'the whole' if whole else 'it'} for ", taken_for))
        lines.append(Text(f"the nearest training images, {answer.distances[0]:.1f} to {answer.distances[-1]:.1f} away"))
        self.query_one("#said", Lines).show(Text("\n").join(lines))

    def show_message(self, message: str) -> None:
        self.answer = None
        self.set_heading()
        self.query_one("#pair", Gallery).show_message(message)

    # Drawing

    def _begin(self) -> None:
        self.shared.strokes = [*self.shared.strokes[-UNDONE:], self.sheet]

    def _replace(self, sheet: Sheet) -> None:
        """Have another sheet, as if by a stroke."""
        self._begin()
        self.shared.strokes[-1], self._is_down = sheet, False
        self._show_paper()
        self._say()
        self.request_content()

    def _stroke(self, start: Point, end: Point) -> None:
        self.shared.strokes[-1] = self.sheet.stroked(self._tool, start, end, WIDTHS[self._width])
        self._show_paper()
        self.request_content()

    def on_paper_stroked(self, message: Paper.Stroked) -> None:
        if message.begins:
            self._begin()
        self._pen = self._on_sheet(*map(int, message.end))
        self._stroke(message.start, message.end)

    def _on_sheet(self, x: int, y: int) -> tuple[int, int]:
        return min(max(x, 0), IMAGE_SHAPE[1] - 1), min(max(y, 0), IMAGE_SHAPE[0] - 1)

    def _show_paper(self) -> None:
        self.query_one("#paper", Paper).show(self.sheet, self._pen, is_down=self._is_down)
        self.query_one("#pen", Lines).show(Text(pen_words(self._tool, WIDTHS[self._width], is_down=self._is_down)))

    # What keys ask for

    def action_pen(self) -> None:
        self._is_down = not self._is_down
        if self._is_down:
            self._begin()
            here = (self._pen[0] + 0.5, self._pen[1] + 0.5)
            self._stroke(here, here)
        else:
            self._show_paper()

    def action_move(self, right: int, down: int) -> None:
        self._move(self._pen[0] + right, self._pen[1] + down)

    def action_edge(self, which: int) -> None:
        self._move(*((0, 0) if which == 0 else (IMAGE_SHAPE[1], IMAGE_SHAPE[0])))

    def _move(self, x: int, y: int) -> None:
        before, self._pen = self._pen, self._on_sheet(x, y)
        if self._is_down:
            self._stroke((before[0] + 0.5, before[1] + 0.5), (self._pen[0] + 0.5, self._pen[1] + 0.5))
        else:
            self._show_paper()

    def action_tool(self) -> None:
        self._tool = TOOLS[(TOOLS.index(self._tool) + 1) % len(TOOLS)]
        self._show_paper()
        self._say()

    def action_width(self, by: int) -> None:
        self._width = min(max(self._width + by, 0), len(WIDTHS) - 1)
        self._show_paper()

    def action_undo(self) -> None:
        if len(self.shared.strokes) > 1:
            self.shared.strokes.pop()
        self._is_down = False
        self._show_paper()
        self.request_content()

    def action_clear(self) -> None:
        self._replace(Sheet())

    def action_half(self) -> None:
        self._replace(self.sheet.with_next_half())

    def action_complete(self) -> None:
        if not self.ink.any():
            self.notify("nothing is drawn yet: what is seen is completed", severity="warning")
        elif self.sheet.hidden.any():
            self.app.push_screen(CompletionScreen(self.shared, self.sources, self.sheet, self.title_in_bar))
        else:
            self.notify("nothing is hidden: c hides a half, b turns to the cover", severity="warning")

    def action_load(self) -> None:
        def typed(ink: Images | None) -> None:
            if ink is not None:
                self._replace(Sheet(ink, self.sheet.hidden))

        self.app.push_screen(AskValue("A picture file to take in place of what is drawn:", "", self._read), typed)

    def _read(self, text: str) -> Images:
        """The ink of a picture file. Raises UserError or OSError."""
        from core.sketch.pictures import read_digit

        return read_digit((self.shared.folder or Path()) / files.expanded(text))

    def action_walk(self) -> None:
        self.answers.when_newest("sketch", self._walk)

    def _walk(self) -> None:
        if self.answer is not None:
            walk = LatentPathScreen(self.shared, self.sources, self.answer.latent, opened_from=self.title_in_bar)
            self.app.push_screen(walk)

    def to_export(self, run: Run, stem: str) -> Export | None:
        answer = self.answer
        if answer is None:
            return None
        images = np.concatenate([np.stack([centred(self.ink), answer.reconstruction]), answer.neighbours])
        title = exporting.title(run, self.moment, f"a drawn digit: {formatting.sketched(answer)}")
        page = TilePage(images[:, None], len(images), formatting.sketch_captions(answer), title)
        return Export(lambda folder: exporting.write_tiles(folder, stem, page))
