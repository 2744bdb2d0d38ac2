"""Particles that travel from noise to digits in the plane, along what a learned prior says."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.timer import Timer

from core.latents.options import GUIDANCE_STEPS, SEEDS, STEPS, ProjectionOptions, SamplingOptions
from core.runs.run import Run
from tui import formatting
from tui.drawing.grounds.particles import Classes, ParticleGround
from tui.drawing.view import home_view
from tui.screens import exporting
from tui.screens.asking import Abandoned
from tui.screens.dialogs import AskClass, AskValue
from tui.screens.explore_base import ExploreSources
from tui.screens.exporting import Export
from tui.screens.following import is_seen
from tui.screens.inspect.flow.keys import FLOW_KEYS
from tui.screens.inspect.flow.plane import FlowPlane
from tui.screens.inspect.sample import parse_seed_and_steps
from tui.screens.moments.detail import DetailScreen
from tui.screens.moments.pace import Pace
from tui.screens.selection import Shared
from tui.terminal.capabilities import color_depth
from tui.widgets.gallery import Gallery
from tui.widgets.track import MomentTrack, Track

if TYPE_CHECKING:
    from core.explorer.protocol import Explorer
    from core.explorer.results import LatentProjection, Particles

COUNT = 300
DECODED = 8  # of them, once they stand
PLANE = ProjectionOptions()
MOST_STEPS = {"flow": STEPS["flow"][2], "ddpm": STEPS["ddpm"][1]}  # that are shown unless others are typed
BYTES_A_CELL = 56  # one that stands alone, with the place where it stands
SPEEDS = (0.5, 1.0, 2.0, 4.0)  # steps a second, at most: what a slow connection takes decides


class FlowScreen(DetailScreen):
    """Opened by `a` on the plane; what is asked for while particles travel counts from where they are."""

    ABOUT = "flow: latents of a learned prior on their way from noise to digits"
    TITLE_IN_BAR = "latent"

    CSS = """
    FlowScreen #body { height: 1fr; }
    FlowScreen #beside { width: 30; padding: 0 0 0 1; }
    FlowScreen.-narrow #beside { display: none; }
    """
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (64, "-wide")]
    BINDINGS: ClassVar[list[BindingType]] = FLOW_KEYS

    def __init__(self, shared: Shared, sources: ExploreSources) -> None:
        super().__init__(shared, sources)
        self.seed, self.speed = 0, SPEEDS.index(2.0)
        self.options: SamplingOptions | None = None  # once it is known what the run is
        self.place = 0  # which of the frames is seen
        self.frames: list[Particles] = []  # of those that came, the noise first
        self._plane: LatentProjection | None = None
        self._asked = object()  # stands for the newest question
        self._player: Timer | None = None
        self._pace = Pace(0)

    @property
    def topic(self) -> str:
        return "particles"

    def compose_body(self) -> ComposeResult:
        with Horizontal(id="body"):
            yield FlowPlane(message="waiting for the particles", id="flow")
            with Vertical(id="beside"):
                yield Gallery(columns=2, at_least=DECODED, captions="none", id="decoded")
        yield MomentTrack()

    @property
    def _flow(self) -> FlowPlane:
        return self.query_one(FlowPlane)

    @property
    def plays(self) -> bool:
        """Whether particles travel by themselves."""
        return self._player is not None

    # What is shown

    def request_content(self) -> None:
        if self.options is None and self.run_update is not None:
            config = self.run_update.summary.config
            self.options = SamplingOptions(steps=MOST_STEPS[config.dynamics if config else "flow"])
        if not self.frames:
            self.ask("plane", lambda explorer: explorer.projection(PLANE), self._show_plane)
            self._let_flow(None)
            self._play()

    def _let_flow(self, start: Particles | None) -> None:
        """Ask for the particles from there on, or from noise on."""
        self._asked = asked = object()
        seed, options, run = self.seed, self.options, self.selected_run
        if options is None or run is None:
            return
        self.frames = [] if start is None else self.frames[: start.step + 1]
        self.place = max(len(self.frames) - 1, 0)
        said = self.reporter(run)

        def go_on() -> None:
            if self._asked is not asked:
                raise Abandoned

        def report(words: str) -> None:
            go_on()
            said(words)

        def show(particles: Particles) -> None:
            go_on()
            self.call_later(self._take, asked, particles)

        def question(explorer: Explorer) -> None:
            explorer.flow(COUNT, seed, options, PLANE, start, show)

        self.ask("flow", question, lambda answer: None, report)
        self._draw()

    def _take(self, asked: object, particles: Particles) -> None:
        if asked is self._asked:
            self.frames.append(particles)
            if len(self.frames) == 1:
                self._draw()

    def _show_plane(self, plane: LatentProjection) -> None:
        self._plane = plane
        self._draw()

    def show_message(self, message: str) -> None:
        self._stop()
        self.frames, self._plane = [], None
        self._flow.show_message(message)
        self.set_heading()

    def _draw(self) -> None:
        options, plane = self.options, self._plane
        if options is None or plane is None or not self.frames:
            return
        shown = self.frames[self.place]
        home = home_view(np.concatenate([plane.points, self.frames[0].points]))
        ground = ParticleGround(shown.points, shown.labels, Classes(plane.points, plane.labels))
        self._flow.show(ground, home, plane.projection.axes)
        self.set_heading(
            f"{COUNT} particles in {plane.projection.name}",
            f"from noise to {formatting.digit_asked(options.digit, options.guidance)}, seed {self.seed}",
            f"at most {SPEEDS[self.speed]:g} a second",
        )
        words = f"step {shown.step} of {options.steps}".ljust(len(f"step {options.steps} of {options.steps}"))
        self.query_one(MomentTrack).show(Track(words, shown.step, options.steps + 1, plays=self.plays))
        if not self.plays:
            latents = shown.latents[:DECODED]
            self.ask("decoded", lambda explorer: explorer.decode(latents), self._show_decoded)

    def _show_decoded(self, images: np.ndarray) -> None:
        if not self.plays:
            self.query_one("#decoded", Gallery).show(images[:, None])

    # Travelling

    def _play(self) -> None:
        if self.no_motion:
            self._draw()
            return
        self._pace = Pace(self._flow.cells_changed, bytes_a_cell=BYTES_A_CELL)
        self._player = self._player or self.set_interval(1 / SPEEDS[-1], self._step_on)
        self._due = 0.0
        self._draw()

    @property
    def no_motion(self) -> bool:
        """Whether there is nothing but stills: no colours tell particles from what is below them."""
        return not color_depth(self.app).has_colors

    def _stop(self) -> None:
        if self._player is not None:
            self._player.stop()
            self._player = None

    def on_screen_suspend(self) -> None:
        if not is_seen(self):
            self._stop()

    def on_unmount(self) -> None:
        self._asked = object()

    def _step_on(self) -> None:
        """Called as often as the highest speed asks for."""
        self._due += SPEEDS[self.speed] / SPEEDS[-1]
        if self._due < 1 or not self._pace.is_due(self._flow.cells_changed):
            return
        self._due = 0.0
        if self.place + 1 < len(self.frames):
            self.place += 1
        if self.options is not None and self.place == self.options.steps:
            self._stop()
        self._draw()

    # What keys do

    def action_animate(self) -> None:
        if self.no_motion:
            self.notify("without colours there are stills: ; and : go through the steps", severity="warning")
        elif self.plays:
            self._stop()
            self._draw()
        else:
            if self.options is not None and self.place == self.options.steps:
                self.place = 0
            self._play()

    def action_moment(self, by: int) -> None:
        self._go_to(self.place + by)

    def action_moment_edge(self, which: int) -> None:
        self._go_to(which % max(len(self.frames), 1))

    def on_moment_track_moved(self, message: MomentTrack.Moved) -> None:
        self._go_to(message.place)

    def _go_to(self, place: int) -> None:
        self._stop()
        self.place = min(max(place, 0), max(len(self.frames) - 1, 0))
        self._draw()

    def action_speed(self, by: int) -> None:
        self.speed = min(max(self.speed + by, 0), len(SPEEDS) - 1)
        self._draw()

    def _change(self, **changes: object) -> None:
        """Have other options count from the particles on that are seen; where they are digits already, from noise."""
        if self.options is None:
            return
        self.options = replace(self.options, **changes)  # type: ignore[arg-type]
        under_way = bool(self.frames) and self.place < self.options.steps
        self._let_flow(self.frames[self.place] if under_way else None)
        self._play()

    def action_classes(self) -> None:
        def answered(answer: str | None) -> None:
            if answer is not None:
                self._change(digit=None if answer == "a" else int(answer))

        self.app.push_screen(AskClass("Which digit?", "any"), answered)

    def action_guidance(self, by: int) -> None:
        if self.options is not None:
            place = GUIDANCE_STEPS.index(self.options.guidance) + by
            self._change(guidance=GUIDANCE_STEPS[min(max(place, 0), len(GUIDANCE_STEPS) - 1)])

    def _restart(self) -> None:
        self._let_flow(None)
        self._play()

    def action_seed(self, by: int) -> None:
        self.seed = min(max(self.seed + by, SEEDS[0]), SEEDS[1])
        self._restart()

    def action_type_seed(self) -> None:
        if self.options is None:
            return

        def answered(typed: tuple[int, int] | None) -> None:
            if typed is not None and self.options is not None:
                self.seed, self.options = typed[0], replace(self.options, steps=typed[1])
                self._restart()

        config = self.run_update.summary.config if self.run_update else None
        most = STEPS[config.dynamics if config else "flow"][-1]
        question = f"The seed, and in how many steps noise becomes digits (1 to {most}):"
        parse = partial(parse_seed_and_steps, most=most)
        self.app.push_screen(AskValue(question, f"{self.seed}, {self.options.steps}", parse), answered)

    def to_export(self, run: Run, stem: str) -> Export | None:
        if not self.frames:
            return None
        shown = self.frames[self.place]
        x, y = shown.points.T.tolist()
        table = {"particle": range(len(x)), "x": x, "y": y, "class": shown.labels.tolist()}

        def write(folder: Path) -> list[Path]:
            return exporting.write_table(folder, f"{stem}-flow-seed{self.seed}-step{shown.step}", table)

        return Export(write)
