"""One validation image at a time: its reconstruction, its latent, and what samples of its posterior decode to."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Label

from tui import export
from tui.screens.explore_screen import MakeExplorer, MakeReader, PassingScreen
from tui.screens.walk import WalkScreen
from tui.widgets.gallery import Gallery
from tui.widgets.heatmap import HeatMaps

if TYPE_CHECKING:
    from core.answers import Closeup
    from core.choices import Order
    from core.explorer import Explorer

SAMPLES = 8


class CloseupScreen(PassingScreen):
    """Opened by `enter` on the reconstructions; gives back the place of the image that was looked at last."""

    TITLE_IN_BAR = "reconstruct"

    CSS = """
    CloseupScreen #body { height: 1fr; }
    CloseupScreen #pair { height: 15; }
    CloseupScreen #latent { height: 6; }
    CloseupScreen #samples { height: 8; }
    CloseupScreen .title { height: 1; width: 100%; padding: 0 1; color: $text-muted; text-wrap: nowrap; }
    CloseupScreen.-short #pair { height: 8; }
    CloseupScreen.-short #latent { height: 5; }
    CloseupScreen.-short #samples { height: 7; }
    CloseupScreen.-short .title, CloseupScreen #small { display: none; }
    CloseupScreen.-tiny #pair { height: 1fr; }
    CloseupScreen.-tiny .title, CloseupScreen.-tiny #latent, CloseupScreen.-tiny #samples { display: none; }
    CloseupScreen.-tiny #small { display: block; width: 100%; color: $text-muted; text-align: center; }
    CloseupScreen.-point #samples, CloseupScreen.-point #samples-title { display: none; }
    CloseupScreen.-nothing .title, CloseupScreen.-nothing #latent, CloseupScreen.-nothing #samples { display: none; }
    """
    VERTICAL_BREAKPOINTS = [(0, "-tiny"), (22, "-short"), (38, "-tall")]
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "back", show=False),
        Binding(
            "left",
            "move(-1)",
            "image",
            key_display="← →",
            tooltip="the image before, the next one",
            id="closeup.move",
        ),
        Binding("right", "move(1)", show=False),
        Binding("r", "reseed", "resample", tooltip="other samples of the posterior", id="closeup.reseed"),
        Binding(
            "d", "deviation", "spread", tooltip="the deviation of the posterior, or its mean", id="closeup.deviation"
        ),
        Binding("v", "traverse", "vary", tooltip="vary one latent number of this image", id="closeup.traverse"),
    ]

    def __init__(
        self,
        make_reader: MakeReader,
        make_explorer: MakeExplorer,
        place: int,
        total: int,
        label: int | None,
        order: Order,
    ) -> None:
        super().__init__(make_reader, make_explorer)
        self.place, self._total, self._label, self._order = place, total, label, order
        self.seed = 0
        self.deviation = False
        self.closeup: Closeup | None = None

    def compose_body(self) -> ComposeResult:
        with Vertical(id="body"):
            yield Gallery(columns=3, message="waiting for the run", id="pair")
            yield Label("", classes="title", id="latent-title", markup=False)
            yield HeatMaps(id="latent")
            yield Label(
                "reconstructed from samples of the posterior", classes="title", id="samples-title", markup=False
            )
            yield Gallery(at_least=5, captions="none", id="samples")
            yield Label("22 lines show latent and samples", id="small", markup=False)

    def renew(self) -> None:
        place, label, order, seed = self.place, self._label, self._order, self.seed

        def question(explorer: Explorer) -> Closeup:
            page = explorer.page(place, 1, label, order)
            return explorer.closeup(int(page.indices[0]), SAMPLES, seed)

        self.ask("closeup", question, self._show)

    def say(self, words: str) -> None:
        self.closeup = None
        self.add_class("-nothing")
        self.head()
        self.query_one("#pair", Gallery).say(words)

    def _show(self, closeup: Closeup) -> None:
        self.closeup = closeup
        self.remove_class("-nothing")
        self.set_class(closeup.is_point, "-point")
        self.refresh_bindings()
        error = np.abs(closeup.original - closeup.reconstruction)
        names = ["original", "reconstructed", "difference"]
        tiles = np.stack([closeup.original, closeup.reconstruction, error])[:, None]
        self.query_one("#pair", Gallery).show(tiles, names)
        self.query_one("#samples", Gallery).show(closeup.samples[:, None])
        spread = self.deviation and not closeup.is_point
        what, values = ("deviation", closeup.deviation) if spread else ("mean", closeup.mean)
        kind = "" if closeup.is_point else " spread" if spread else " mean"
        titles = [f"channel {channel}{kind}" for channel in range(len(values))]
        self.query_one("#latent", HeatMaps).show(values, titles)
        of_what = "the latent" if closeup.is_point else f"{what} of the posterior over the latent"
        self.query_one("#latent-title", Label).update(f"{of_what}, channel by channel")
        self.head(
            f"class {closeup.label}",
            f"image {closeup.index:,}, squared error {closeup.error:.2f}",
            f"{self.place + 1:,} of {self._total:,}",
        )

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        # The posterior of an autoencoder has no samples and no spread.
        return not (action in ("reseed", "deviation") and self.closeup is not None and self.closeup.is_point)

    def action_back(self) -> None:
        self.dismiss(self.place)

    def action_move(self, by: int) -> None:
        self.place = min(max(self.place + by, 0), self._total - 1)
        self.renew()

    def action_reseed(self) -> None:
        self.seed += 1
        self.renew()

    def action_deviation(self) -> None:
        self.deviation = not self.deviation
        if self.closeup is not None:
            self._show(self.closeup)

    def action_traverse(self) -> None:
        if self.closeup is not None:
            latent = self.closeup.mean.reshape(-1)
            walk = WalkScreen(self._make_reader, self._make_explorer, latent, opened_from=self.title_in_bar)
            self.app.push_screen(walk)

    def write_files(self, folder: Path, stem: str) -> list[Path]:
        closeup = self.closeup
        if closeup is None:
            return []
        path = export.unused_path(folder, f"{stem}-{closeup.index}", ".png")
        images = np.concatenate([closeup.original[None], closeup.reconstruction[None], closeup.samples])
        export.save_picture(path, images, len(images))
        return [path]
