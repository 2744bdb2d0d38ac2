"""A cursor on one of the tiles that a screen shows, which keys and the mouse move."""

from __future__ import annotations

from tui.drawing.tiles import Tiling
from tui.widgets.gallery import Gallery


class TileCursor:
    """What a screen is besides, whose tiles stand for what one can walk from."""

    chosen = 0  # the tile that the cursor is on

    @property
    def choosable(self) -> range:
        """The tiles that the cursor goes to."""
        raise LookupError(f"{type(self).__name__} has no tiles")

    @property
    def _tiling(self) -> Tiling | None:
        """How the tiles are laid out that are seen."""
        raise LookupError(f"{type(self).__name__} has no tiles")

    def _draw(self) -> None:
        """Show the tiles with the cursor."""
        raise LookupError(f"{type(self).__name__} shows nothing")

    def action_walk(self) -> None:
        """Walk from the tile that is chosen."""
        raise LookupError(f"{type(self).__name__} walks nowhere")

    def action_move(self, by: int) -> None:
        self.choose(self.chosen + by)

    def action_move_row(self, by: int) -> None:
        if tiling := self._tiling:
            self.choose(self.chosen + by * tiling.columns)

    def action_edge(self, which: int) -> None:
        if tiles := self.choosable:
            self.choose(tiles[which])

    def choose(self, tile: int) -> None:
        """Put the cursor on a tile, if there is one."""
        if tile in self.choosable:
            self.chosen = tile
            self._draw()

    def on_gallery_clicked(self, message: Gallery.Clicked) -> None:
        if message.index == self.chosen:
            self.action_walk()
        else:
            self.choose(message.index)
