"""Screen 4: new digits, decoded from latents that a sampler draws."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical

from core.latents.options import SAMPLERS, SEEDS, TEMPERATURES
from tui import export
from tui.screens.base import MakeExplorer, MakeReader
from tui.screens.dialogs import AskNumber
from tui.screens.inspect.denoising import Denoising
from tui.screens.inspect.path import LatentPathScreen
from tui.widgets.gallery import Gallery

if TYPE_CHECKING:
    from core.explorer.results import Samples


ROWS, COLUMNS = 4, 8
COUNT = ROWS * COLUMNS
TILE = (1, 28, 28)


class SampleScreen(Denoising):
    """A grid of samples. One is chosen, to vary it or to walk from it to another."""

    TITLE_IN_BAR = "sample"

    CSS = "SampleScreen #body { height: 1fr; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "left", "move(-1)", "choose", key_display="←→↑↓", tooltip="choose a digit", id="sample.move", show=False
        ),
        Binding("right", "move(1)", show=False),
        Binding("up", "move_row(-1)", show=False),
        Binding("down", "move_row(1)", show=False),
        Binding("s", "sampler", "sampler", tooltip="the next way to draw latents", id="sample.sampler"),
        Binding("r", "reseed(1)", "reseed", tooltip="other digits: the next seed", id="sample.reseed"),
        Binding("R", "reseed(-1)", "back", tooltip="the seed before", id="sample.back", show=False),
        Binding(
            "number_sign", "ask_seed", "seed", key_display="#", tooltip="type a seed", id="sample.seed", show=False
        ),
        Binding(
            "plus",
            "warm(1)",
            "heat",
            key_display="+ -",
            tooltip="raise or lower the temperature: bolder or safer digits",
            id="sample.hotter",
        ),
        Binding("equals_sign", "warm(1)", show=False),
        Binding("minus", "warm(-1)", "cooler", show=False, id="sample.cooler"),
        Binding("v", "traverse", "vary", tooltip="vary one latent number of the chosen digit", id="sample.traverse"),
        Binding("x", "mark", "walk", tooltip="mark a digit, then walk from it to another", id="sample.walk"),
        Binding("z", "size", "size", tooltip="larger and fewer, or all of them", id="sample.size", show=False),
    ]

    def __init__(self, make_reader: MakeReader, make_explorer: MakeExplorer) -> None:
        super().__init__(make_reader, make_explorer)
        self.sampler: str | None = None  # None: the one that suits the run
        self.seed = 0
        self.tenths = 10  # of the temperature
        self.chosen = 0
        self.marked: int | None = None
        self.samples: Samples | None = None

    def compose_body(self) -> ComposeResult:
        with Vertical(id="body"):
            yield Gallery(at_least=COUNT, columns=COLUMNS, message="waiting for the run", id="grid")

    @property
    def _gallery(self) -> Gallery:
        return self.query_one("#grid", Gallery)

    @property
    def temperature(self) -> float:
        """How far samples stray: 1 is what the sampler says, 0 its centre."""
        return self.tenths / 10

    @property
    def shown_sampler(self) -> str:
        """The sampler that was chosen, else the one that suits the run."""
        return self.sampler or self.preset.default_sampler

    # What is shown

    def renew(self) -> None:
        sampler, seed, temperature = self.shown_sampler, self.seed, self.temperature
        if sampler == "learned":
            self.denoise(COUNT, seed, temperature)
        else:
            self.ask("samples", lambda explorer: explorer.samples(sampler, COUNT, seed, temperature), self.show_samples)

    def forget(self) -> None:
        self.sampler, self.marked, self.chosen = None, None, 0
        self.forget_wish()
        self.say("waiting for the run")

    def say(self, words: str) -> None:
        self.samples = None
        self.stop_film()
        self._gallery.show_message(words)
        self.head()

    def show_samples(self, samples: Samples) -> None:
        self.stop_film()
        self.show_moment(samples)

    def show_moment(self, samples: Samples) -> None:
        self.samples = samples
        self._draw()

    def _draw(self) -> None:
        if self.samples is None:
            return
        tiling = self._gallery.tiling(TILE)
        self.chosen = min(self.chosen, max(0, tiling.capacity - 1 if tiling else 0))
        captions = ["" if place != self.marked else "marked" for place in range(COUNT)]
        self._gallery.show(self.samples.images[:, None], captions, self.chosen)
        self._draw_heading()

    def _draw_heading(self) -> None:
        tiling = self._gallery.tiling(TILE)
        shown = min(COUNT, tiling.capacity) if tiling else 0
        what = "samples" if shown == COUNT else f"{shown} of {COUNT} samples"
        walk = "x walks from the marked digit to the chosen one" if self.marked is not None else ""
        source = f"{SAMPLERS[self.shown_sampler]}{self.wished if self.shown_sampler == 'learned' else ''}"
        how = f"from {source}, seed {self.seed}, temperature {self.temperature:.1f}"
        self.head(what, how, walk)

    # What keys do

    def action_sampler(self) -> None:
        names = self.preset.samplers
        self.sampler = names[(names.index(self.shown_sampler) + 1) % len(names)]
        self.refresh_bindings()
        self.change()

    def action_reseed(self, by: int) -> None:
        self.seed = min(max(self.seed + by, SEEDS[0]), SEEDS[1])
        self.change()

    def action_ask_seed(self) -> None:
        def answered(seed: int | None) -> None:
            if seed is not None:
                self.seed = seed
                self.change()

        self.app.push_screen(AskNumber("The seed of the samples:", self.seed, *SEEDS), answered)

    def action_warm(self, by: int) -> None:
        low, high = TEMPERATURES
        self.tenths = min(max(self.tenths + by, round(10 * low)), round(10 * high))
        self.renew()

    def change(self) -> None:
        """Other digits take the places of those that were marked."""
        self.marked = None
        self.renew()

    def action_move(self, by: int) -> None:
        self.choose(self.chosen + by)

    def action_move_row(self, by: int) -> None:
        if tiling := self._gallery.tiling(TILE):
            self.choose(self.chosen + by * tiling.columns)

    def choose(self, place: int) -> None:
        """Put the cursor on a digit that is shown."""
        tiling = self._gallery.tiling(TILE)
        if tiling is not None and 0 <= place < min(COUNT, tiling.capacity):
            self.chosen = place
            self._draw()

    def on_gallery_clicked(self, message: Gallery.Clicked) -> None:
        self.choose(message.index)

    def action_size(self) -> None:
        sizes = [(COUNT, COLUMNS), (8, None), (2, None)]
        following = sizes.index((self._gallery.at_least, self._gallery.columns)) + 1
        self._gallery.at_least, self._gallery.columns = sizes[following % len(sizes)]
        self.chosen = 0
        self._draw()

    def action_traverse(self) -> None:
        if self.samples is not None:
            self._open(LatentPathScreen(self._make_reader, self._make_explorer, self.samples.latents[self.chosen]))

    def action_mark(self) -> None:
        if self.samples is None:
            return
        if self.marked in (None, self.chosen):
            self.marked = None if self.marked == self.chosen else self.chosen
            self._draw()
            return
        start, end = self.samples.latents[self.marked], self.samples.latents[self.chosen]
        self._open(LatentPathScreen(self._make_reader, self._make_explorer, start, end))

    def _open(self, walk: LatentPathScreen) -> None:
        self.app.push_screen(walk)

    def write_files(self, folder: Path, stem: str) -> list[Path]:
        if self.samples is None:
            return []
        path = export.unused_path(folder, f"{stem}-{self.shown_sampler}-seed{self.seed}", ".png")
        export.save_picture(path, self.samples.images, COLUMNS)
        return [path]
