"""The way of particles through the plane: asked for, drawn, played and stepped."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.timer import Timer

from core.latents.options import STEPS, ProjectionOptions, SamplingOptions
from tui.screens.asking import Abandoned
from tui.screens.explore_base import ExploreSources
from tui.screens.following import is_seen
from tui.screens.inspect.flow.plane import FlowPlane
from tui.screens.inspect.flow.seen import SeenFlow
from tui.screens.moments.detail import DetailScreen
from tui.screens.moments.pace import Pace
from tui.screens.selection import Shared
from tui.terminal.capabilities import color_depth
from tui.terminal.output.counted import bytes_written
from tui.widgets.gallery import Gallery
from tui.widgets.track import PLAYS, STANDS, STILLS, MomentTrack, Track

if TYPE_CHECKING:
    from core.explorer.protocol import Explorer
    from core.explorer.results import LatentProjection, Particles

COUNT = 300
DECODED = 8  # of them, where they stand
DECODED_SECONDS = 2.0  # from one to the next while particles travel, at least: they cost as much as all particles
PLANE = ProjectionOptions()
MOST_STEPS = {"flow": STEPS["flow"][2], "ddpm": STEPS["ddpm"][1]}  # that are shown unless others are typed
SPEEDS = (0.5, 1.0, 2.0, 4.0)  # steps a second, at most: what a slow connection takes decides


class TravellingScreen(DetailScreen):
    """Shows the way of particles, which is played and stepped."""

    TITLE_IN_BAR = "latent"

    CSS = """
    FlowScreen #body { height: 1fr; }
    FlowScreen #beside { width: 30; padding: 0 0 0 1; }
    FlowScreen.-narrow #beside { display: none; }
    """
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (64, "-wide")]

    def __init__(self, shared: Shared, sources: ExploreSources) -> None:
        super().__init__(shared, sources)
        self.seed, self.speed = 0, SPEEDS.index(2.0)
        self.options: SamplingOptions | None = None  # once it is known what the run is
        self.place = 0  # which of the frames is seen
        self.frames: list[Particles] = []  # of those that came, the noise first
        self._plane: LatentProjection | None = None
        self._asked = object()  # stands for the newest question
        self._player: Timer | None = None
        self._asked_since = 0  # the step from which on the options count
        self._to_end = False  # whether the newest step is shown as it comes
        self._pace: Pace | None = None  # while particles travel
        self._decoded_due = 0.0  # on the monotonic clock

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
    def _decoded(self) -> Gallery:
        return self.query_one("#decoded", Gallery)

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
        self.place = self._asked_since = max(len(self.frames) - 1, 0)
        self._to_end = False
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
        if asked is not self._asked:
            return
        self.frames.append(particles)
        if self._to_end:
            self.place = len(self.frames) - 1
        if len(self.frames) == 1 or (self._to_end and (self._at_end or self._may_draw)):
            self._draw()

    def _show_plane(self, plane: LatentProjection) -> None:
        self._plane = plane
        self._draw()

    def show_message(self, message: str) -> None:
        self._stop()
        self.frames, self.place, self._plane = [], 0, None
        self._flow.show_message(message)
        self.set_heading()

    def _seen(self) -> SeenFlow | None:
        if self.options is None or self._plane is None or not self.frames:
            return None
        return SeenFlow(
            self.frames[self.place], self.frames[0], self._plane, self.options, self.seed, self._asked_since
        )

    def _draw(self) -> None:
        seen = self._seen()
        if seen is None:
            return
        shown, plane, steps = seen.particles, seen.plane, seen.options.steps
        self._flow.show(seen.ground, seen.view, plane.projection.axes)
        motion = "stills" if self.no_motion else f"at most {SPEEDS[self.speed]:g} a second"
        self.set_heading(f"{COUNT} particles in {plane.projection.name}", seen.asked, motion)
        words = f"step {shown.step} of {steps}".ljust(len(f"step {steps} of {steps}"))
        hint = STILLS if self.no_motion else PLAYS if self.plays else STANDS
        self.query_one(MomentTrack).show(Track(words, shown.step, steps + 1, hint=hint))
        if not self.plays or shown.step == 0:
            self._show_decoded(shown)

    def _show_decoded(self, shown: Particles) -> None:
        self._decoded.show(shown.images[:DECODED, None])
        self._decoded_due = time.monotonic() + DECODED_SECONDS

    # Travelling

    @property
    def _at_end(self) -> bool:
        return self.options is not None and self.place == self.options.steps

    @property
    def _may_draw(self) -> bool:
        """Whether what was drawn before had its time; with nothing but stills, those on the way are left out."""
        return self._pace is not None and self._pace.is_due()

    def _play(self) -> None:
        self._to_end = False
        if self.no_motion:
            self._draw()
            return
        self._pace = Pace(partial(bytes_written, self.app))
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
        """Called as often as the highest speed asks for, from before the first particles came."""
        if not self.frames:
            return
        self._due += SPEEDS[self.speed] / SPEEDS[-1]
        if self._due < 1 or not self._may_draw:
            return
        if time.monotonic() >= self._decoded_due:  # by themselves: with the next step they would come in one burst
            self._show_decoded(self.frames[self.place])
            return
        self._due = 0.0
        if self.place + 1 < len(self.frames):
            self.place += 1
        if self._at_end:
            self._stop()
        self._draw()

    # What keys do

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in ("animate", "speed"):
            return not self.no_motion
        return super().check_action(action, parameters)

    def action_animate(self) -> None:
        if self.plays:
            self._stop()
            self._draw()
        else:
            if self._at_end:
                self._go_to(0)
            self._play()

    def action_moment(self, by: int) -> None:
        self._go_to(self.place + by)

    def action_moment_edge(self, which: int) -> None:
        self._go_to(which % max(len(self.frames), 1))
        self._to_end = bool(which) and not self._at_end

    def on_moment_track_moved(self, message: MomentTrack.Moved) -> None:
        self._go_to(message.place)

    def _go_to(self, place: int) -> None:
        """Stop there; from noise on the way is one to what is asked for now, from its first step on."""
        self._stop()
        self._to_end = False
        self.place = min(max(place, 0), max(len(self.frames) - 1, 0))
        if self.place == 0 and self._asked_since:
            self._let_flow(None)
        self._draw()

    def action_speed(self, by: int) -> None:
        self.speed = min(max(self.speed + by, 0), len(SPEEDS) - 1)
        self._draw()
