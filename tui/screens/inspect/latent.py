"""Screen 5: the latent space as a plane of points to walk through."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal

from core.latents.options import ProjectionOptions
from core.runs.run import Run
from tui import export_plots, formatting, latent_plane
from tui.drawing.grounds.density import Ratio, Shades
from tui.screens import exporting
from tui.screens.dialogs import DIGITS, UNLABELLED, ask_class
from tui.screens.explore_base import ExploreSources
from tui.screens.exporting import Export
from tui.screens.help.formulas import for_run
from tui.screens.inspect.image import ImageDetailScreen, Row
from tui.screens.inspect.keys import LATENT_KEYS
from tui.screens.inspect.path import LatentPathScreen
from tui.screens.plane.beside import Beside
from tui.screens.plane.choosing import PlaneChooser
from tui.screens.plane.decoded import decode
from tui.screens.plane.looks import Looks, Seen
from tui.screens.selection import Shared
from tui.screens.sketch.screen import SketchScreen
from tui.widgets.scatter import Scatter

if TYPE_CHECKING:
    from collections.abc import Callable

    from core.explorer.protocol import Explorer
    from tui.timelapse import Shot

ZOOM = 1.5


class LatentScreen(PlaneChooser):
    """The latents of images, projected; beside them the digit nearest to the cursor, or what decodes there."""

    ABOUT = "latent: the latents of images in the plane, and what is under the cursor"
    TITLE_IN_BAR = "latent"

    CSS = """
    LatentScreen #body { height: 1fr; }
    LatentScreen.-narrow Beside { display: none; }
    """
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (64, "-wide")]
    BINDINGS: ClassVar[list[BindingType]] = LATENT_KEYS

    def __init__(self, shared: Shared, sources: ExploreSources) -> None:
        super().__init__(shared, sources)
        self._seen: Seen | None = None
        self._nearest: int | None = None
        self._decoded: tuple[float, float] | None = None  # the point that is decoded

    def compose_body(self) -> ComposeResult:
        with Horizontal(id="body"):
            yield Scatter(message="opening the run", id="scatter")
            yield Beside()

    @property
    def _scatter(self) -> Scatter:
        return self.query_one(Scatter)

    @property
    def _beside(self) -> Beside:
        return self.query_one(Beside)

    @property
    def topic(self) -> str:
        return for_run(self.looks.topic or self.choice.projection, self._config)

    @property
    def sees_topic(self) -> bool:
        return not self.is_busy or all(map(self.answers.is_newest, ("plane", "thumbnails")))

    # What is shown

    def ahead(self) -> Callable[[Explorer], object] | None:
        return None if self.embeds else self.looks.question(self.choice, self.preset)

    def reset(self) -> None:
        self.choice = ProjectionOptions()
        self.looks = Looks()
        self.show_message("opening the run")

    def show_message(self, message: str) -> None:
        self.plane = self._seen = self._nearest = self._decoded = None
        self._scatter.show_message(message)
        self.set_heading()
        self._beside.show_nothing()

    def show_plane(self, seen: Seen) -> None:
        plane, before, self._seen = seen.plane, self._seen, seen
        # Newer weights move the points, but it is the same place that is looked at.
        same_space = self.plane is not None and self.plane.options == plane.options
        was_whole = before is not None and self._scatter.view == self.looks.home(before)
        self.plane, self._nearest, self._decoded = plane, None, None
        x_label, y_label = plane.projection.axes
        self._scatter.show(
            plane.points,
            plane.labels,
            title="classes" if plane.classes else "no labels",
            x_label=x_label,
            y_label=y_label,
            keep_view=same_space,
            home=self.looks.home(seen),
            ground=self.looks.ground(seen),
            count=len(plane.classes),
        )
        if was_whole and before is not None and (before.density is None) != (seen.density is None):
            self._scatter.reset_view()
        self._say()
        self._look()

    def _say(self) -> None:
        if self._seen is not None:
            facts = self.looks.facts(self._seen)
            heading = latent_plane.heading(self._seen.plane, at_moment=self.moment is not None, first=facts)
            self.set_heading(*heading)

    def on_scatter_cursor_moved(self) -> None:
        self._look()

    def on_scatter_moved(self) -> None:
        self._look()

    def on_scatter_chosen(self) -> None:
        self.action_close_up()

    def _look(self) -> None:
        """Show what is under the cursor."""
        plane = self.plane
        if plane is None or self._seen is None:
            return
        self.looks.follow(self._scatter, self._seen, self.ask)
        nearest, beside = self._scatter.nearest(), self._beside
        beside.show_cursor(plane, self._scatter.cursor, nearest)
        if not beside.display:
            return
        if nearest is not None and nearest != self._nearest:
            self._nearest = nearest
            index = int(plane.indices[nearest])
            show = partial(beside.show_pair, plane, nearest)
            self.ask("pair", lambda explorer: explorer.pair(plane.options.part, index), show)
        if plane.linear is None:
            beside.say_instead(f"{plane.projection.axes[0][:-2]} has no way back: no point of it decodes")
        elif self._scatter.cursor != self._decoded:
            self._decoded = self._scatter.cursor
            self.ask("decoded", decode(plane, np.array([self._decoded])), beside.show_decoded)

    # What keys do

    def action_sketch(self) -> None:
        self.app.push_screen(SketchScreen(self.shared, self.sources, self.title_in_bar))

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

    def action_edge(self, which: int) -> None:
        self._scatter.move_to_edge(which)

    def action_look(self) -> None:
        """The next look at these images; after the last one the first, at those of the other part."""
        if self.looks.next(self._scatter, embeds=self.embeds):
            self.choose(part="training" if self.choice.part == "validation" else "validation")
        elif self._seen is not None and self.looks.suffices(self._seen):
            self.answers.give_up("plane")
            self._scatter.show_ground(self.looks.ground(self._seen))
            self._say()
            self._look()
        else:
            self.request_content()
        self.refresh_bindings()

    def action_sampler(self) -> None:
        self.looks.next_sampler(self.preset)
        self.request_content()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in ("sampler", "seed"):
            return self.looks.compares if action == "sampler" else self.embeds
        return super().check_action(action, parameters)

    def action_walk(self) -> None:
        self.answers.when_newest("plane", self._walk)

    def _walk(self) -> None:
        if self.plane is not None and self.plane.linear is None:
            self.notify("only planes that decode can be walked from: o goes on to them", severity="warning")
        elif self.plane is not None and self.plane.linear is not None:
            latent = self.plane.linear.invert(np.array([self._scatter.cursor]))[0]
            walk = LatentPathScreen(self.shared, self.sources, latent, opened_from=self.title_in_bar)
            self.app.push_screen(walk)

    def action_close_up(self) -> None:
        self.answers.when_newest("plane", self._close_up)

    def _close_up(self) -> None:
        """Look closer at the image nearest to the cursor, from where one goes on to those of the classes shown."""
        plane, nearest = self.plane, self._scatter.nearest()
        if plane is None or nearest is None:
            return
        shown = np.flatnonzero(~np.isin(plane.labels, list(self._scatter.hidden)))
        indices = plane.indices[shown]

        def closed(place: int | None) -> None:
            if place is not None and self.plane is plane:
                self._scatter.place_cursor(*map(float, plane.points[shown[place]]))

        row = Row(len(shown), plane.options.part, lambda explorer, place: int(indices[place]))
        place = int(np.searchsorted(shown, nearest))
        self.app.push_screen(ImageDetailScreen(self.shared, self.sources, place, row, self.title_in_bar), closed)

    @property
    def _plane_classes(self) -> tuple[str, ...]:
        return self.plane.classes if self.plane is not None else DIGITS

    def action_classes(self) -> None:
        def answered(answer: str | None) -> None:
            if answer is None or self._plane_classes != classes:  # of another plane by now
                return
            if answer == "a":
                self._scatter.show_all_classes()
            elif answer == "o" and plane is not None and nearest is not None:
                self._scatter.show_only(int(plane.labels[nearest]))
            else:
                self._scatter.toggle_digit(int(answer))
            self._look()

        plane, nearest = self.plane, self._scatter.nearest()
        classes = self._plane_classes
        named = "" if plane is None or nearest is None else formatting.class_number(plane.labels[nearest], classes)
        alone = f"only {named}" if named else ""
        if classes:
            self.app.push_screen(ask_class("Switch which class on or off?", "show all", classes, alone), answered)
        else:
            self.notify(UNLABELLED)

    def shot(self) -> Shot | None:
        if self.embeds:
            return None
        from tui import timelapse

        return timelapse.of_plane(self.choice, self._scatter.view, self._scatter.hidden)

    def to_export(self, run: Run, stem: str) -> Export | None:
        plane, seen = self.plane, export_plots.Seen(self._scatter.view, self._scatter.hidden)
        if plane is None:
            return None
        sheet = self.looks.decoded.sheet(self._scatter) if self.looks.look == "decoded" else None
        if sheet is not None:
            return Export(lambda folder: exporting.write_decoded(folder, stem, run.name, plane, sheet, seen.view))
        if isinstance(ground := self._scatter.ground, Shades | Ratio):
            compared = partial(exporting.write_density, run=run.name, plane=plane, ground=ground, view=seen.view)
            return Export(lambda folder: compared(folder, stem), exporting.WHOLE_GRID)

        def write(folder: Path) -> list[Path]:
            return exporting.write_projection(folder, stem, run.name, plane, seen)

        return Export(write, exporting.WHOLE_TABLE)
