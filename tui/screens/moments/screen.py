"""Screens that move through the training of a run, by its snapshots: with keys, the mouse, or by themselves."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, ClassVar, TypeVar

from textual.binding import BindingType
from textual.timer import Timer

from core.errors import UserError
from core.explorer.protocol import Explorer
from core.runs.run import Run
from core.text import printable
from tui import formatting
from tui.messages import Moment, Moments
from tui.screens.asking import Abandoned
from tui.screens.explore_base import ExploreScreen, ExploreSources
from tui.screens.exporting import Export, export_files
from tui.screens.following import is_seen
from tui.screens.moments.asking import Answer, AskFilm
from tui.screens.moments.film import film_of
from tui.screens.moments.keys import MOMENT_KEYS
from tui.screens.moments.pace import Pace
from tui.screens.selection import Selection, Shared
from tui.terminal.output.counted import bytes_written
from tui.widgets.track import PLAYS, STANDS, MomentTrack, Track

if TYPE_CHECKING:
    from tui.timelapse import Shot

T = TypeVar("T")
LATE = 0.3  # seconds after which it is said that what is seen is of another moment
LOW = 16  # lines, below which the track is seen only while it is in use


class TimeScreen(ExploreScreen):
    """Shows the run as it was at the moment that was chosen; all screens look at the same one."""

    DEFAULT_CSS = """
    TimeScreen MomentTrack { display: none; }
    TimeScreen.-moments MomentTrack { display: block; }
    """
    BINDINGS: ClassVar[list[BindingType]] = MOMENT_KEYS

    def __init__(self, shared: Shared, sources: ExploreSources) -> None:
        super().__init__(shared, sources)
        self.moments: tuple[Moment, ...] = ()
        self._moments_follower = self.add_follower(self._take_moments)
        self._shown_moment: Moment | None = None  # that was asked for last
        self._direction = -1  # in which moments were gone through last
        self._loaded_ahead: int | None = None  # the step that was asked about before it is looked at
        self._player: Timer | None = None
        self._pace: Pace | None = None
        self._delivered: Moment | None = None
        self._deadline: Timer | None = None
        self._overdue = False  # what was asked about this one takes long
        self._afterwards: list[Callable[[], object]] = []  # to be done once it is known which moments there are

    def ahead(self) -> Callable[[Explorer], object] | None:
        """What to ask about the next moment before it is looked at; None for nothing."""
        return None

    def room_changed(self) -> None:
        """The track came or went, and there is a line less or more for what is shown."""

    @property
    def goes_through_time(self) -> bool:
        """Whether what is seen comes from a model."""
        return True

    # Which moment

    @property
    def moment(self) -> Moment | None:
        return self.shared.selection.moment

    @property
    def seen_moment(self) -> Moment | None:
        return self._delivered

    @property
    def knows_moments(self) -> bool:
        """Whether it is known which moments there are."""
        return self._moments_follower.has_news

    @property
    def stops(self) -> tuple[Moment | None, ...]:
        """The moments, and now."""
        return (*self.moments, None)

    @property
    def stop(self) -> int:
        """Where the moment stands among the stops."""
        step = self.step
        return next((place for place, each in enumerate(self.moments) if each.step == step), len(self.moments))

    @property
    def plays(self) -> bool:
        """Whether it moves by itself."""
        return self._player is not None

    def on_mount(self) -> None:
        self.mount(MomentTrack(), after="#line")

    def change_run(self, run: Run | None) -> None:
        self.stop_playing()
        super().change_run(run)
        self.moments, self._shown_moment, self._delivered, self._afterwards = (), None, None, []
        self._moments_follower.follow(partial(self.sources.moments, run) if run else None)
        self._draw_track()

    def _take_moments(self, moments: Moments) -> None:
        self.moments = moments.moments
        now = self.moment
        if now is not None and now not in self.moments:  # measured since, or given up for newer ones
            self.shared.look_at(min(self.moments, key=lambda each: abs(each.step - now.step), default=None))
        self._draw_track()
        self.refresh_bindings()
        acts, self._afterwards = self._afterwards, []
        for act in acts:
            act()

    def _apply(self, selection: Selection) -> None:
        super()._apply(selection)
        self._catch_up()

    def on_screen_resume(self) -> None:
        self._catch_up()

    def on_screen_suspend(self) -> None:
        if not is_seen(self):
            self.stop_playing()

    def on_resize(self) -> None:
        self._draw_track()

    def _catch_up(self) -> None:
        """Show the moment that was chosen, be it on another screen."""
        before, now = self._shown_moment, self.moment
        if now == before or not is_seen(self):
            return
        self._shown_moment, self._loaded_ahead = now, None
        if (before and before.step) != (now and now.step) and self.run_update is not None:
            self._request_content()
            if self._deadline is None:
                self._deadline = self.set_timer(LATE, self._say_late)
        self._draw_track()

    # What is shown

    def _draw_track(self) -> None:
        if not self.is_mounted:
            return
        seen = bool(self.moments) and self.goes_through_time and (self.size.height >= LOW or self.moment is not None)
        for track in self.query(MomentTrack):
            track.show(self._track() if seen else None)
        if seen != self.has_class("-moments"):
            self.set_class(seen, "-moments")
            self.call_after_refresh(self.room_changed)

    def _track(self) -> Track:
        place, stops = self.stop, len(self.stops)
        found = [formatting.measured_until(moment) for moment in self.stops]
        room = max(len(self._named(moment)) for moment in self.stops) + len(f" · {stops}/{stops}")
        words = f"{self._named(self.moment)} · {place + 1}/{stops}".ljust(room)
        if self._late:
            words = words.rstrip() + f", still {self._named(self._delivered)}"
        return Track(words, place, stops, found[place], max(map(len, found)), PLAYS if self.plays else STANDS)

    def _named(self, moment: Moment | None) -> str:
        status = self.run_update.summary.status if self.run_update else None
        return f"{formatting.moment(moment.epoch)}{f' of {status.epochs}' if status else ''}" if moment else "newest"

    @property
    def _late(self) -> bool:
        """Whether what is seen is of another moment, and for so long that it should be said."""
        return self._overdue and (self._delivered and self._delivered.step) != self.step

    def _say_late(self) -> None:
        self._overdue = True
        self._draw_track()

    # Going through the moments

    def on_moment_track_moved(self, message: MomentTrack.Moved) -> None:
        self.stop_playing()
        self._go_to_stop(message.place)

    def action_moment(self, by: int) -> None:
        self.stop_playing()
        self._when_possible(lambda: self._go_to_stop(self.stop + by))

    def action_moment_edge(self, which: int) -> None:
        self.stop_playing()
        self._when_possible(lambda: self._go_to_stop(which % len(self.stops)))

    def action_animate(self) -> None:
        if self.plays:
            self.stop_playing()
        else:
            self._when_possible(self._play)

    def _play(self) -> None:
        if self.moment is None:
            self._go_to_stop(0)
        self._direction = 1
        self._pace = Pace(partial(bytes_written, self.app))
        self._player = self._player or self.set_interval(self.shared.timing.moment, self._play_on)
        self._draw_track()

    def stop_playing(self) -> None:
        """Stay at this moment."""
        if self._player is not None:
            self._player.stop()
            self._player = None
            self._draw_track()

    def _play_on(self) -> None:
        if self.moment is None or not is_seen(self):
            self.stop_playing()
        elif not self.is_busy and self._pace is not None and self._pace.is_due():
            self._go_to_stop(self.stop + 1)

    def _when_possible(self, act: Callable[[], object]) -> None:
        """Do this where there are moments to go to, once that is known; else say why not and what would give them."""
        if self.selected_run is None:
            return
        if not self.knows_moments:
            self._afterwards.append(partial(self._when_possible, act))
        elif self.moments and self.goes_through_time:
            act()
        else:
            self.notify(self._why_not(printable(self.selected_run.name)), severity="warning", markup=False)

    def _why_not(self, name: str) -> str:
        if not self.goes_through_time:
            return "this view shows the whole training: v goes on to those that show one moment"
        return formatting.no_snapshots(name, self.preset)

    def _go_to_stop(self, place: int) -> None:
        if 0 <= place < len(self.stops) and place != self.stop:
            self._direction = 1 if place > self.stop else -1
            self.shared.look_at(self.stops[place])

    # The film

    def shot(self) -> Shot | None:
        """What a film of the training shows, as what is seen now; None where there is none."""
        return None

    def action_export(self) -> None:
        run, shot = self.selected_run, self.shot()
        if run is None or self.moment is None or shot is None:
            super().action_export()
            return

        def answered(answer: Answer | None) -> None:
            if answer == "film":
                export_files(self, self.shared, self._timelapse(run, shot))
            elif answer == "now":
                super(TimeScreen, self).action_export()

        self.stop_playing()
        self.app.push_screen(AskFilm(), answered)

    def _timelapse(self, run: Run, shot: Shot) -> Export:
        return film_of(run, self.TITLE_IN_BAR, self.moments, shot, self.sources.explorer, self.reporter(run))

    # What is looked at next

    def _deliver(self, run: Run, step: int | None, show: Callable[[T], object], answer: T, note: str = "") -> None:
        super()._deliver(run, step, show, answer, note)
        if step == self.step:
            self._delivered, self._overdue = self.moment, False
            if self._deadline is not None:
                self._deadline.stop()
                self._deadline = None
            self._draw_track()
        if step == self.step and step is not None and self._tasks is not None and (question := self.ahead()):
            place = self.stop + self._direction
            if 0 <= place < len(self.moments) and self.moments[place].step != self._loaded_ahead:
                self._loaded_ahead = following = self.moments[place].step
                self._tasks.submit("ahead", partial(self._load_ahead, run, following, question))

    def _load_ahead(self, run: Run, step: int, question: Callable[[Explorer], object]) -> None:
        """In the thread of the tasks: have the explorer find out what it keeps, unless something else is asked."""

        def report(words: str) -> None:
            if self._tasks is None or self._tasks.waiting:
                raise Abandoned

        with suppress(Abandoned, UserError, OSError, MemoryError):  # whoever looks at that moment is told
            question(self.sources.explorer(run, report).at(step))
