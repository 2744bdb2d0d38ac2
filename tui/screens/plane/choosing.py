"""Which plane is looked at: its projection, to what that is fitted, its two numbers, the seed of an embedding."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from core.latents.options import EMBEDDINGS, SEEDS, ProjectionOptions, check_numbers, there, usual_plane
from tui.background.tasks import LatestTaskQueue, show_in_app
from tui.screens.asking import Abandoned
from tui.screens.dialogs import AskValue
from tui.screens.explore_base import ExploreSources
from tui.screens.following import is_seen
from tui.screens.inspect.flow.opening import PlaneScreen
from tui.screens.plane.looks import Looks, Seen
from tui.screens.selection import Shared

if TYPE_CHECKING:
    from core.explorer.protocol import Report
    from core.explorer.results import LatentProjection
    from core.runs.run import Run


class PlaneChooser(PlaneScreen):
    """Asks for the plane that was chosen; what takes long does so beside other questions, until another is chosen."""

    def __init__(self, shared: Shared, sources: ExploreSources) -> None:
        super().__init__(shared, sources)
        self.choice = ProjectionOptions()
        self.looks = Looks()
        self.plane: LatentProjection | None = None
        self._long: LatestTaskQueue | None = None  # for what takes long
        self._is_seen = True

    def show_plane(self, seen: Seen) -> None:
        """Show the plane that was asked for."""
        raise LookupError(f"{type(self).__name__} shows no plane")

    @property
    def embeds(self) -> bool:
        """Whether the plane that was chosen has no formula."""
        return self.choice.projection in EMBEDDINGS

    @property
    def is_busy(self) -> bool:
        return super().is_busy or (self._long is not None and self._long.busy)

    def on_unmount(self) -> None:
        if self._long is not None:
            self._long.close()

    def on_screen_suspend(self) -> None:
        self._is_seen = is_seen(self)

    def on_screen_resume(self) -> None:
        self._is_seen = True
        if self.looks.compares and not self.answers.is_newest("plane"):
            self.request_content()  # it was given up

    def request_content(self) -> None:
        if self.plane is None and self.choice == ProjectionOptions():
            self.choice = usual_plane(self.sizes.latent_size)
        question = self.looks.question(self.choice, self.preset)
        run = self.selected_run
        if run is not None and (self.embeds or self.looks.compares):
            self._long = self._long or LatestTaskQueue(
                partial(show_in_app, self.app), lambda: self.post_message(self.TaskProgress(self.selected_run, ""))
            )
            self.ask("plane", question, self.show_plane, self._while_wanted(run), self._long)
        else:
            self.ask("plane", question, self.show_plane)

    @property
    def _wanted(self) -> tuple[object, ...]:
        """What is waited for; a density only while the plane is seen."""
        compared = self.looks.compared(self.preset)
        return self.selected_run, self.choice, self.step, compared, compared is None or self._is_seen

    def _while_wanted(self, run: Run) -> Report:
        """Reports for as long as it is this plane that is waited for; in the thread of the task."""
        wanted, report = self._wanted, self.reporter(run)
        key = "o" if self.embeds else "v"

        def say(words: str) -> None:
            if self._wanted != wanted or not self.is_running:
                raise Abandoned
            report(f"{words}; {key} goes on without it")

        return say

    def choose(self, **changes: object) -> None:
        """Look at another plane."""
        self.choice = replace(self.choice, **changes)  # type: ignore[arg-type]
        if self.embeds:
            self.looks.look = "points"
        self.refresh_bindings()
        self.request_content()

    def action_flow(self) -> None:
        if self.choice.projection != "lda":
            self.notify("particles travel in the plane of linear discriminants (LDA)", timeout=4)
        super().action_flow()

    def action_projection(self) -> None:
        names = there()
        following = names[(names.index(self.choice.projection) + 1) % len(names)]
        self.choose(projection=following, numbers=None)

    def action_seed(self, by: int) -> None:
        self.choose(seed=min(max(self.choice.seed + by, SEEDS[0]), SEEDS[1]))

    def action_fit(self) -> None:
        """Now: to the training images or to those that are shown. At a moment: as fitted now, or to each moment."""
        if self.embeds:
            title = EMBEDDINGS[self.choice.projection].title
            self.notify(
                f"{title} is always fitted to what is shown: it has no place for others",
                severity="warning",
                markup=False,
            )
        elif self.moment is None:
            self.choose(fit_on_shown=not self.choice.fit_on_shown)
        elif self.choice.projection != "dims":
            self.choose(fit_each=not self.choice.fit_each)

    def action_number(self, axis: int, by: int) -> None:
        """Show another latent number along an axis; the first press turns to the plane of two numbers."""
        self.answers.when_newest("plane", partial(self._change_number, axis, by))

    def _change_number(self, axis: int, by: int) -> None:
        plane = self.plane
        if plane is None:
            return
        numbers = plane.projection.numbers
        if numbers is None:
            self.choose(projection="dims", numbers=None)
            return
        # A number against itself is a line, and says nothing.
        order = [number for number in plane.by_activity if number != numbers[1 - axis]]
        changed = [*numbers]
        changed[axis] = order[(order.index(changed[axis]) + by) % len(order)]
        self.choose(numbers=(changed[0], changed[1]))

    def action_type_numbers(self) -> None:
        def typed(numbers: tuple[int, int] | None) -> None:
            if numbers is not None:
                self.choose(projection="dims", numbers=numbers)

        plane = self.plane
        numbers = plane.projection.numbers if plane else None
        shown = "{}, {}".format(*(numbers or (plane.by_activity if plane else (0, 1))))
        size = self.sizes.latent_size
        question = f"Two latent numbers, 0 to {size - 1}, for x and y"
        if plane is not None and plane.activity is not None:
            active = ", ".join(f"z{number}" for number in plane.by_activity[: min(plane.active, 6)])
            question += f". {plane.active} are active" + (f", most of all {active}" if active else "")
        self.app.push_screen(AskValue(f"{question}:", shown, partial(check_numbers, size=size)), typed)
