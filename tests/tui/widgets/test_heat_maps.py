"""Heat maps fill any size."""

from __future__ import annotations

import numpy as np
import pytest
from textual.app import App, ComposeResult

from tui.widgets.heat_maps import HeatMaps

NAMES = ["channel 0", "channel 1", "channel 2", "channel 3"]


LATENT = (np.arange(64.0).reshape(4, 4, 4) - 32) / 10


class MapsApp(App[None]):
    def compose(self) -> ComposeResult:
        yield HeatMaps()


@pytest.mark.parametrize("size", [(1, 1), (19, 3), (80, 24), (300, 100)])
async def test_any_size_is_filled(size: tuple[int, int]) -> None:
    async with MapsApp().run_test(size=size) as pilot:
        maps = pilot.app.query_one(HeatMaps)
        for shown in (False, True):
            if shown:
                maps.show(LATENT, NAMES)
            await pilot.pause()
            strips = [maps.render_line(y) for y in range(size[1])]
            assert {strip.cell_length for strip in strips} == {size[0]}
            assert all(segment.style is not None for strip in strips for segment in strip)
            assert bool("".join(strip.text for strip in strips).strip()) == shown
