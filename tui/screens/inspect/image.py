"""One image at a time: its reconstruction, its latent, and what samples of its posterior decode to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Label

from core.latents.options import SEEDS
from core.runs.run import Run
from tui import formatting
from tui.drawing.heat_maps import channel_titles
from tui.panels import TilePage
from tui.screens import exporting
from tui.screens.explore_base import ExploreSources
from tui.screens.exporting import Export
from tui.screens.help.formulas import for_run
from tui.screens.inspect.path import LatentPathScreen
from tui.screens.moments.detail import DetailScreen
from tui.screens.selection import Shared
from tui.widgets.gallery import Gallery
from tui.widgets.heat_maps import HeatMaps

if TYPE_CHECKING:
    from core.arrays import Images
    from core.explorer.protocol import Explorer
    from core.explorer.results import ImageDetail
    from core.latents.options import Part


SAMPLES = 8
NAMES = ("original", "reconstructed", "difference")


@dataclass(frozen=True)
class Row:
    """So many images of a part, one after the other; `index_of` tells which stands at a place, off the UI thread."""

    total: int
    part: Part
    index_of: Callable[[Explorer, int], int]


class ImageDetailScreen(DetailScreen):
    """Opened by `enter` on an image; gives back the place in its row of the image that was looked at last."""

    ABOUT = "close-up: an image, its latent channel by channel, samples of its posterior"
    TITLE_IN_BAR = "reconstruct"
    CSS = """
    ImageDetailScreen #body { height: 1fr; }
    ImageDetailScreen #pair { height: 15; }
    ImageDetailScreen #latent { height: 6; }
    ImageDetailScreen #samples { height: 8; }
    ImageDetailScreen .title { height: 1; width: 100%; padding: 0 1; color: $text-muted; text-wrap: nowrap; }
    ImageDetailScreen.-short #pair { height: 8; }
    ImageDetailScreen.-short #latent { height: 5; }
    ImageDetailScreen.-short #samples { height: 7; }
    ImageDetailScreen.-short .title, ImageDetailScreen #small { display: none; }
    ImageDetailScreen.-tiny #pair { height: 1fr; }
    ImageDetailScreen.-tiny .title, ImageDetailScreen.-tiny #latent, ImageDetailScreen.-tiny #samples { display: none; }
    ImageDetailScreen.-tiny #small { display: block; width: 100%; color: $text-muted; text-align: center; }
    ImageDetailScreen.-point #samples, ImageDetailScreen.-point #samples-title { display: none; }
    ImageDetailScreen.-nothing .title, ImageDetailScreen.-nothing #latent { display: none; }
    ImageDetailScreen.-nothing #samples { display: none; }
    """
    VERTICAL_BREAKPOINTS = [(0, "-tiny"), (22, "-short"), (38, "-tall")]
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "left,h,up,k",
            "move(-1)",
            "image",
            key_display="← →",
            tooltip="the image before, the next one",
            id="closeup.move",
        ),
        Binding("right,l,down,j", "move(1)", id="closeup.next", show=False),
        Binding("pageup,comma", "move(-10)", id="closeup.page_back", show=False),
        Binding("pagedown,full_stop", "move(10)", id="closeup.page", show=False),
        Binding("g,home", "edge(0)", "first", tooltip="the first image", id="closeup.first", show=False),
        Binding("G,end", "edge(-1)", "last", tooltip="the last image", id="closeup.last", show=False),
        Binding(
            "greater_than_sign",
            "seed(1)",
            "samples",
            key_display="> <",
            tooltip="other samples of the posterior: the next seed, the one before",
            id="closeup.seed",
        ),
        Binding("less_than_sign", "seed(-1)", id="closeup.seed_before", show=False),
        Binding(
            "v", "look", "spread", tooltip="the standard deviation of the posterior, or its mean", id="closeup.look"
        ),
        Binding("t", "walk", "walk", tooltip="vary one latent number of this image", id="closeup.walk"),
    ]

    def __init__(
        self,
        shared: Shared,
        sources: ExploreSources,
        place: int,
        row: Row,
        opened_from: str = "reconstruct",
    ) -> None:
        super().__init__(shared, sources)
        self.place, self._row, self._opened_from = place, row, opened_from
        self.seed = 0
        self.deviation = False
        self.detail: ImageDetail | None = None

    def compose_body(self) -> ComposeResult:
        with Vertical(id="body"):
            yield Gallery(columns=3, message="opening the run", id="pair")
            yield Label("", classes="title", id="latent-title", markup=False)
            yield HeatMaps(id="latent")
            yield Label(
                "reconstructed from samples of the posterior", classes="title", id="samples-title", markup=False
            )
            yield Gallery(at_least=5, captions="none", id="samples")
            yield Label("22 lines show latent and samples", id="small", markup=False)

    @property
    def title_in_bar(self) -> str:
        return self._opened_from

    @property
    def topic(self) -> str:
        return for_run("posterior", self._config)

    def request_content(self) -> None:
        place, row, seed = self.place, self._row, self.seed

        def question(explorer: Explorer) -> ImageDetail:
            return explorer.image_detail(row.index_of(explorer, place), SAMPLES, seed, row.part)

        self.ask("detail", question, self._show)

    def show_message(self, message: str) -> None:
        self.detail = None
        self.add_class("-nothing")
        self.set_heading()
        self.query_one("#pair", Gallery).show_message(message)

    def _show(self, detail: ImageDetail) -> None:
        self.detail = detail
        self.remove_class("-nothing")
        self.set_class(detail.is_point, "-point")
        self.refresh_bindings()
        self.query_one("#pair", Gallery).show(compared(detail)[:, None], NAMES)
        self.query_one("#samples", Gallery).show(detail.samples[:, None])
        spread = self.deviation and not detail.is_point
        what, values = ("standard deviation", detail.deviation) if spread else ("mean", detail.mean)
        kind = "" if detail.is_point else " spread" if spread else " mean"
        self.query_one("#latent", HeatMaps).show(values, channel_titles(len(values), values.shape[2], kind))
        of_what = "the latent" if detail.is_point else f"{what} of the posterior over the latent"
        self.query_one("#latent-title", Label).update(f"{of_what}, channel by channel")
        self.set_heading(*self._facts(detail), f"{self.place + 1:,} of {self._row.total:,}")

    def _facts(self, detail: ImageDetail) -> tuple[str, str]:
        """The class; which image it is, and its error."""
        image = "training image" if self._row.part == "training" else "image"
        title = formatting.class_title(detail.label, detail.classes)
        named = f"class {title}" if title else "no label"
        return named, f"{image} {detail.index:,}, squared error {detail.error:.2f}"

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        # The posterior of an autoencoder has no samples and no spread.
        return not (action in ("seed", "look") and self.detail is not None and self.detail.is_point)

    def action_back(self) -> None:
        self.dismiss(self.place)

    def action_move(self, by: int) -> None:
        self.place = min(max(self.place + by, 0), self._row.total - 1)
        self.request_content()

    def action_edge(self, which: int) -> None:
        self.place = which % self._row.total
        self.request_content()

    def on_gallery_scrolled(self, message: Gallery.Scrolled) -> None:
        self.action_move(message.by)

    def action_seed(self, by: int) -> None:
        self.seed = min(max(self.seed + by, SEEDS[0]), SEEDS[1])
        self.request_content()

    def action_look(self) -> None:
        self.deviation = not self.deviation
        if self.detail is not None:
            self._show(self.detail)

    def action_walk(self) -> None:
        self.answers.when_newest("detail", self._walk)

    def _walk(self) -> None:
        if self.detail is not None:
            latent = self.detail.mean.reshape(-1)
            walk = LatentPathScreen(self.shared, self.sources, latent, opened_from=self.title_in_bar)
            self.app.push_screen(walk)

    def to_export(self, run: Run, stem: str) -> Export | None:
        detail = self.detail
        if detail is None:
            return None
        samples = detail.samples[:0] if detail.is_point else detail.samples
        captions = [*NAMES, *(f"sample {number}" for number in range(1, len(samples) + 1))]
        title = exporting.title(run, self.moment, ": ".join(self._facts(detail)))
        images = np.concatenate([compared(detail), samples])
        page, stem = TilePage(images[:, None], len(images), captions, title), f"{stem}-{detail.index}"
        return Export(lambda folder: exporting.write_tiles(folder, stem, page))


def compared(detail: ImageDetail) -> Images:
    """The image, its reconstruction and how far apart they are, (3, 28, 28)."""
    return np.stack([detail.original, detail.reconstruction, np.abs(detail.original - detail.reconstruction)])
