"""Screen 5: the latent space as a plane of points to walk through."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical

from core.arrays import LATENT_SIZE
from core.latents.options import PROJECTIONS, ProjectionOptions
from core.runs.run import Run
from tui import formatting, latent_plane
from tui.export import Seen
from tui.screens import exporting
from tui.screens.dialogs import ask_class
from tui.screens.explore_base import ExploreScreen, ExploreSources
from tui.screens.exporting import Export
from tui.screens.selection import Shared
from tui.widgets.gallery import Gallery
from tui.widgets.scatter import Scatter

if TYPE_CHECKING:
    from core.arrays import Images
    from core.explorer.protocol import Explorer
    from core.explorer.results import LatentProjection


ZOOM = 1.5
HINT = "g decodes the point itself"


class LatentScreen(ExploreScreen):
    """The latents of images, projected; beside them the digit nearest to the cursor, or what decodes there."""

    TITLE_IN_BAR = "latent"

    CSS = """
    LatentScreen #body { height: 1fr; }
    LatentScreen #beside { width: 30; padding: 0 0 0 1; }
    LatentScreen #pair { height: 8; }
    LatentScreen #decoded { height: 1fr; }
    LatentScreen.-narrow #beside { display: none; }
    """
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (64, "-wide")]
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "left", "move(-1, 0)", "cursor", key_display="←→↑↓", tooltip="move the cursor", id="latent.left", show=False
        ),
        Binding("right", "move(1, 0)", id="latent.right", show=False),
        Binding("up", "move(0, -1)", id="latent.up", show=False),
        Binding("down", "move(0, 1)", id="latent.down", show=False),
        Binding("shift+left,h", "pan(-8, 0)", "pan", tooltip="move the view left", id="latent.pan_left", show=False),
        Binding("shift+right,l", "pan(8, 0)", "pan", tooltip="move the view right", id="latent.pan_right", show=False),
        Binding("shift+up,k", "pan(0, -4)", "pan", tooltip="move the view up", id="latent.pan_up", show=False),
        Binding("shift+down,j", "pan(0, 4)", "pan", tooltip="move the view down", id="latent.pan_down", show=False),
        Binding("g", "decode", "decode", tooltip="decode the point under the cursor itself", id="latent.decode"),
        Binding("p", "projection", "project", tooltip="LDA, PCA, or two latent numbers", id="latent.projection"),
        Binding("plus", "zoom(1)", "zoom", key_display="+", tooltip="zoom in", id="latent.in"),
        Binding("equals_sign", "zoom(1)", id="latent.in_unshifted", show=False),
        Binding("minus", "zoom(-1)", "zoom out", key_display="-", tooltip="zoom out", id="latent.out", show=False),
        Binding("v", "whole", "whole", tooltip="show all points again", id="latent.whole", show=False),
        Binding("c", "classes", "class", tooltip="switch a class on or off", id="latent.classes"),
        Binding("m", "markers", "markers", tooltip="dots or digits", id="latent.markers", show=False),
        Binding("t", "part", "set", tooltip="the validation or the training set", id="latent.part"),
        Binding("f", "fit", "fit", tooltip="fit on training latents, or on those shown", id="latent.fit"),
        Binding(
            "left_square_bracket",
            "number(0, -1)",
            "x number",
            key_display="[",
            tooltip="the latent number before, along x",
            id="latent.x_before",
            show=False,
        ),
        Binding(
            "right_square_bracket",
            "number(0, 1)",
            "x number",
            key_display="]",
            tooltip="the next latent number along x",
            id="latent.x_next",
            show=False,
        ),
        Binding(
            "left_curly_bracket",
            "number(1, -1)",
            "y number",
            key_display="{",
            tooltip="the latent number before, along y",
            id="latent.y_before",
            show=False,
        ),
        Binding(
            "right_curly_bracket",
            "number(1, 1)",
            "y number",
            key_display="}",
            tooltip="the next latent number along y",
            id="latent.y_next",
            show=False,
        ),
    ]

    def __init__(self, shared: Shared, sources: ExploreSources) -> None:
        super().__init__(shared, sources)
        self.choice = ProjectionOptions()
        self.decoding = False
        self.plane: LatentProjection | None = None
        self._nearest: int | None = None

    def compose_body(self) -> ComposeResult:
        with Horizontal(id="body"):
            yield Scatter(message="waiting for the run", id="scatter")
            with Vertical(id="beside"):
                yield Gallery(columns=2, id="pair")
                yield Gallery(columns=1, id="decoded", message=HINT)

    @property
    def _scatter(self) -> Scatter:
        return self.query_one(Scatter)

    # What is shown

    def request_content(self) -> None:
        choice = self.choice
        self.ask("plane", lambda explorer: explorer.projection(choice), self._show)

    def reset(self) -> None:
        self.choice = ProjectionOptions()
        self.show_message("waiting for the run")

    def show_message(self, message: str) -> None:
        self.plane, self._nearest = None, None
        self._scatter.show_message(message)
        self.set_heading()
        self.query_one("#pair", Gallery).show_message("")
        self.query_one("#decoded", Gallery).show_message(HINT)

    def _show(self, plane: LatentProjection) -> None:
        # Newer weights move the points, but it is the same place that is looked at.
        same_space = self.plane is not None and self.plane.options == plane.options
        self.plane, self._nearest = plane, None
        x_label, y_label = plane.projection.axes
        name, facts = latent_plane.title(plane)
        self.set_heading(name, facts)
        self._scatter.show(
            plane.points, plane.labels, title="classes", x_label=x_label, y_label=y_label, keep_view=same_space
        )
        self._look()

    def on_scatter_cursor_moved(self) -> None:
        self._look()

    def _look(self) -> None:
        """Show what is under the cursor."""
        plane = self.plane
        if plane is None:
            return
        nearest = self._scatter.nearest()
        if nearest is not None and nearest != self._nearest:
            self._nearest = nearest
            show = partial(self._show_pair, plane.labels[nearest])
            index = int(plane.indices[nearest])
            self.ask("pair", lambda explorer: explorer.pair(plane.options.part, index), show)
        if self.decoding:
            point = np.array([self._scatter.cursor])

            def question(explorer: Explorer) -> Images:
                return explorer.decode(plane.projection.invert(point))

            self.ask("decoded", question, self._show_decoded)

    def _show_pair(self, label: int, pair: tuple[Images, Images]) -> None:
        if self.plane is not None:
            named = formatting.class_title(label, self.plane.classes)
            caption = f"nearest: {label}" if named == str(label) else named  # there is no room for both
            self.query_one("#pair", Gallery).show(np.stack(pair)[:, None], [caption, "reconstructed"])

    def _show_decoded(self, images: Images) -> None:
        if self.decoding:
            self.query_one("#decoded", Gallery).show(images[:, None], ["decoded here"])

    # What keys do

    def action_move(self, columns: int, rows: int) -> None:
        self._scatter.move_cursor(columns, rows)

    def action_pan(self, columns: int, rows: int) -> None:
        self._scatter.pan(columns, rows)
        self._look()

    def action_zoom(self, direction: int) -> None:
        self._scatter.zoom(ZOOM**direction)
        self._look()

    def action_whole(self) -> None:
        self._scatter.reset_view()
        self._look()

    def action_markers(self) -> None:
        self._scatter.cycle_markers()

    def action_decode(self) -> None:
        self.decoding = not self.decoding
        if not self.decoding:
            self.query_one("#decoded", Gallery).show_message(HINT)
        self._look()

    def action_classes(self) -> None:
        def answered(answer: str | None) -> None:
            if answer is None:
                return
            if answer == "a":
                self._scatter.show_all_classes()
            else:
                self._scatter.toggle_digit(int(answer))
            self._look()

        classes = self.plane.classes if self.plane is not None else ()
        self.app.push_screen(ask_class("Switch which class on or off?", "show all", classes), answered)

    def action_projection(self) -> None:
        names = list(PROJECTIONS)
        following = names[(names.index(self.choice.projection) + 1) % len(names)]
        self._choose(projection=following, numbers=None)

    def action_part(self) -> None:
        self._choose(part="training" if self.choice.part == "validation" else "validation")

    def action_fit(self) -> None:
        self._choose(fit_on_shown=not self.choice.fit_on_shown)

    def action_number(self, axis: int, by: int) -> None:
        """Show another latent number along an axis; the first press turns to the plane of two numbers."""
        self.answers.when_newest("plane", partial(self._change_number, axis, by))

    def _change_number(self, axis: int, by: int) -> None:
        plane = self.plane
        if plane is None:
            return
        numbers = plane.projection.numbers
        if numbers is None:
            self._choose(projection="dims", numbers=None)
            return
        changed = [*numbers]
        changed[axis] = (changed[axis] + by) % LATENT_SIZE
        self._choose(numbers=(changed[0], changed[1]))

    def _choose(self, **changes: object) -> None:
        self.choice = replace(self.choice, **changes)  # type: ignore[arg-type]
        self.request_content()

    def to_export(self, run: Run, stem: str) -> Export | None:
        plane, seen = self.plane, Seen(self._scatter.view, self._scatter.hidden)
        if plane is None:
            return None

        def write(folder: Path) -> list[Path]:
            return exporting.write_projection(folder, stem, run.name, plane, seen)

        return Export(write, exporting.WHOLE_TABLE)
