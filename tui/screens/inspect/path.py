"""Paths through the latent space: one number varied, or the way between two digits, as strips and as an animation."""

from __future__ import annotations

from functools import partial
from itertools import cycle
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.timer import Timer

from core.arrays import Floats, Images
from core.latents.options import ACTIVE_VARIANCE, number_name
from core.runs.run import Run
from core.shapes import IMAGE_SHAPE
from tui.panels import TilePage
from tui.screens import exporting
from tui.screens.dialogs import AskNumber
from tui.screens.explore_base import ExploreSources
from tui.screens.exporting import Export
from tui.screens.following import is_seen
from tui.screens.inspect.nearest import COUNT, NearestImages
from tui.screens.moments.detail import DetailScreen
from tui.screens.selection import Shared
from tui.widgets.gallery import Gallery

if TYPE_CHECKING:
    from core.explorer.protocol import Explorer
    from core.explorer.results import Neighbours

TILE = (1, *IMAGE_SHAPE)
LONGEST, FRAMES = 13, 25  # steps of a strip, at most, and frames of a film
UNSEEN = 0.05  # of the brightness of a pixel: no one sees this change


class LatentPathScreen(DetailScreen):
    """Each line of images is a path: for one digit a path a latent number, for two a straight and a spherical one.

    Beside the paths of one digit are the training images that are nearest to it.
    """

    ABOUT = "walk: each row is a way through the latent space"
    TITLE_IN_BAR = "sample"

    CSS = """
    LatentPathScreen #body { height: 1fr; }
    LatentPathScreen #paths { width: 1fr; }
    LatentPathScreen.-middle NearestImages { width: 31; }
    LatentPathScreen.-narrow NearestImages, LatentPathScreen.-between NearestImages { display: none; }
    LatentPathScreen #film { display: none; height: 1fr; }
    LatentPathScreen.-playing #film { display: block; }
    LatentPathScreen.-playing #strips { display: none; }
    """
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (75, "-middle"), (104, "-wide")]
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "path", key_display="↑↓", tooltip="another path", id="walk.up"),
        Binding("down,j", "move(1)", id="walk.down", show=False),
        Binding("pageup,comma", "page(-1)", "page up", tooltip="latent numbers before", id="walk.back", show=False),
        Binding(
            "pagedown,full_stop", "page(1)", "page down", tooltip="more latent numbers", id="walk.next", show=False
        ),
        Binding("g,home", "edge(0)", "first", tooltip="the first path", id="walk.first", show=False),
        Binding("G,end", "edge(-1)", "last", tooltip="the last path", id="walk.last", show=False),
        Binding(
            "number_sign", "ask_number", "number", key_display="#", tooltip="go to a latent number", id="walk.number"
        ),
        Binding("a", "animate", "animate", tooltip="play the chosen path; again stops it", id="walk.animate"),
    ]

    def __init__(
        self,
        shared: Shared,
        sources: ExploreSources,
        start: Floats,
        end: Floats | None = None,
        opened_from: str = "sample",
    ) -> None:
        super().__init__(shared, sources)
        self.start, self.end = start, end
        self.set_class(end is not None, "-between")
        self._opened_from = opened_from
        self.line = 0  # the chosen path: the place of the number that is varied, or 0 straight and 1 spherical
        self._numbers = list(range(len(start)))  # the latent numbers, those first that say most
        self._active: int | None = None  # how many are not
        self._first = 0  # the first path that is shown
        self._strips: Images | None = None  # (lines, steps, 28, 28)
        self._playing = False
        self._player: Timer | None = None

    @property
    def title_in_bar(self) -> str:
        return self._opened_from

    def compose_body(self) -> ComposeResult:
        with Horizontal(id="body"):
            with Vertical(id="paths"):
                yield Gallery(message="decoding", id="strips")
                yield Gallery(message="decoding", captions="none", id="film")
            yield NearestImages()

    @property
    def lines(self) -> int:
        """How many paths there are."""
        return len(self.start) if self.end is None else 2

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in ("ask_number", "page"):
            return self.end is None
        return super().check_action(action, parameters)

    def on_screen_suspend(self) -> None:
        if not is_seen(self):
            self._stop()

    @property
    def topic(self) -> str:
        return "traversal" if self.end is None else "walk"

    # What is shown

    def _shape(self) -> tuple[int, int]:
        """How many steps a path has and how many paths are shown: an odd number of half-size images in a line."""
        gallery = self.query_one("#strips", Gallery)
        steps = max(2, min(LONGEST, (gallery.size.width + 1) // 15))
        steps -= steps > 2 and steps % 2 == 0  # the digit itself stands in the middle, where there is one
        gallery.columns, gallery.at_least = steps, steps
        tiling = gallery.tiling(TILE)
        return steps, min(self.lines, tiling.rows if tiling else 1)

    def request_content(self) -> None:
        if self._strips is None:  # steps are of so many deviations of all latents, which take long to encode
            ends = self.start[None] if self.end is None else np.stack([self.start, self.end])
            self.ask("ends", lambda explorer: explorer.decode(ends), self._show_ends)
        self._request_strips()
        if self.end is None:
            self.ask("nearest", self._nearest, self.query_one(NearestImages).show)

    def _nearest(self, explorer: Explorer) -> Neighbours:
        return explorer.neighbours(explorer.decode(self.start[None]), COUNT)

    def _request_strips(self) -> None:
        steps, rows = self._shape()
        first = self.line // rows * rows
        shown = range(first, min(first + rows, self.lines))

        def question(explorer: Explorer) -> tuple[Floats | None, Images]:
            activity = explorer.activity() if self.end is None else None
            numbers = [0, 1] if activity is None else by_activity(activity)
            return activity, np.stack([self._path(explorer, numbers[line], steps) for line in shown])

        self.ask("strips", question, partial(self._show, first))
        self._play()

    def _path(self, explorer: Explorer, number: int, steps: int) -> Images:
        if self.end is None:
            return explorer.traversal(self.start, number, steps).images
        return explorer.interpolation(self.start, self.end, steps, "spherical" if number else "straight").images

    def show_message(self, message: str) -> None:
        self._strips = None
        self._stop()
        self.set_heading()
        self.query_one("#strips", Gallery).show_message(message)
        self.query_one(NearestImages).clear()

    def _show_ends(self, images: Images) -> None:
        """Show where the way begins, and where it ends, until it is known."""
        if self._strips is None:
            captions = ["from here"] if self.end is None else ["from here", "to here"]
            self.query_one("#strips", Gallery).show(images[:, None], captions)

    def _show(self, first: int, answer: tuple[Floats | None, Images]) -> None:
        activity, self._strips = answer
        self._first = first
        if activity is not None:
            self._numbers, self._active = by_activity(activity), int((activity > ACTIVE_VARIANCE).sum())
        self._draw()

    def _draw(self) -> None:
        if self._strips is None:
            return
        tiles, steps, captions = self._tiles(self._strips)
        self.query_one("#strips", Gallery).show(tiles, captions, (self.line - self._first) * steps)
        self.set_heading("walk" if self.end is None else "from one digit to another", self._describe(self.line))

    def _tiles(self, strips: Images) -> tuple[Images, int, list[str]]:
        """The images of all paths that are shown, how many make one, and their captions."""
        lines, steps = strips.shape[:2]
        captions = [caption for line in range(lines) for caption in self._captions(self._first + line, steps)]
        return strips.reshape(lines * steps, *TILE), steps, captions

    def _remark(self, line: int) -> str:
        """That a latent number varies over no images, or that on its whole path from here nothing changes."""
        if self._strips is None or self.end is not None or not 0 <= line - self._first < len(self._strips):
            return ""
        if self._active is not None and line >= self._active:
            return "inactive"
        still = np.ptp(self._strips[line - self._first], axis=0).max() < UNSEEN
        return "changes nothing near this digit" if still else ""

    def _describe(self, line: int) -> str:
        if self.end is not None:
            return "on an arc around the mean (spherical)" if line else "straight"
        known = "" if self._active is None else f"; {self._active} of {self.lines} active"
        remark = self._remark(line) or "from -3 to +3 σ"
        return f"{number_name(self._numbers[line], self.sizes.latent_shape)}, {remark}{known}"

    def _captions(self, line: int, steps: int) -> list[str]:
        if self.end is not None:
            shares = [f"{share:.0%}" for share in np.linspace(0, 1, steps)]
            return [f"{'arc' if line else 'line'} {shares[0]}", *shares[1:]]
        offsets = [f"{offset:+.1f}σ" for offset in np.linspace(-3, 3, steps)]
        brief = {"": offsets[0], "inactive": "inactive"}.get(self._remark(line), "no change")
        return [f"z{self._numbers[line]} {brief}", *offsets[1:]]

    # What keys do

    def action_move(self, by: int) -> None:
        self._go_to(self.line + by)

    def action_page(self, by: int) -> None:
        self._go_to(self.line + by * self._shape()[1])

    def action_edge(self, which: int) -> None:
        self._go_to(which % self.lines)

    def on_gallery_clicked(self, message: Gallery.Clicked) -> None:
        if self._strips is None or message.gallery.id != "strips":
            self.action_animate()
            return
        line = self._first + message.index // self._strips.shape[1]
        if line == self.line:
            self.action_animate()
        else:
            self._go_to(line)

    def on_gallery_scrolled(self, message: Gallery.Scrolled) -> None:
        self.action_move(message.by)

    def _go_to(self, line: int) -> None:
        self.line = min(max(line, 0), self.lines - 1)
        if self._strips is not None and self._first <= self.line < self._first + len(self._strips):
            self._draw()
            self._play()
        else:
            self._request_strips()

    def action_ask_number(self) -> None:
        def answered(number: int | None) -> None:
            if number is not None:
                self._go_to(self._numbers.index(number))

        last, shown = len(self.start) - 1, self._numbers[self.line]
        self.app.push_screen(AskNumber(f"Which latent number, 0 to {last}?", shown, 0, last), answered)

    def action_animate(self) -> None:
        if self._playing:
            self._stop()
        else:
            self._playing = True
            self._play()

    def _play(self) -> None:
        """Ask for the chosen path as a film, if one is to be seen."""
        if self._playing:
            number = self._numbers[self.line] if self.end is None else self.line
            self.ask("film", lambda explorer: self._path(explorer, number, FRAMES), self._show_film)

    def _show_film(self, frames: Images) -> None:
        if not self._playing:
            return
        if self._player is not None:
            self._player.stop()
        self.add_class("-playing")
        order = cycle([*range(FRAMES), *range(FRAMES - 2, 0, -1)])
        film = self.query_one("#film", Gallery)
        self._player = self.set_interval(self.shared.timing.frame, lambda: film.show(frames[next(order)][None, None]))

    def _stop(self) -> None:
        self._playing = False
        self.remove_class("-playing")
        if self._player is not None:
            self._player.stop()
            self._player = None

    def to_export(self, run: Run, stem: str) -> Export | None:
        if self._strips is None:
            return None
        stem = f"{stem}-{'traversal' if self.end is None else 'interpolation'}"
        kind = "each row varies a latent number" if self.end is None else "from one digit to another"
        page = TilePage(*self._tiles(self._strips), exporting.title(run, self.moment, kind))
        return Export(lambda folder: exporting.write_tiles(folder, stem, page))


def by_activity(activity: Floats) -> list[int]:
    """The latent numbers, those first that say most."""
    return [int(number) for number in np.argsort(-activity, kind="stable")]
