"""The mouse does what keys do: on tabs, digits and pages."""

from __future__ import annotations

from textual.events import MouseScrollDown, MouseScrollUp
from textual.pilot import Pilot
from textual.widget import Widget

from tests.support.screens import answered, opened, press, screen_text, shown
from tui.app import VaeTui
from tui.screens.charts.grid import ChartGrid
from tui.screens.help.menu import ScreenMenu
from tui.screens.inspect.image import ImageDetailScreen
from tui.screens.inspect.path import LatentPathScreen
from tui.screens.inspect.reconstruct import ReconstructScreen
from tui.screens.inspect.sample import SampleScreen
from tui.widgets.bars import TopBar
from tui.widgets.gallery import Gallery
from tui.widgets.plot import Plot


async def click(pilot: Pilot[None], widget: type[Widget] | str, *at: int, times: int = 1) -> None:
    await pilot.click(widget, offset=(at[0], at[1]), times=times)
    await answered(pilot)


async def turn(pilot: Pilot[None], event: type[MouseScrollDown] | type[MouseScrollUp], widget: str) -> None:
    await pilot._post_mouse_events([event], widget, (5, 2), button=0)
    await answered(pilot)


async def test_a_click_on_the_name_of_a_screen_goes_there(app: VaeTui) -> None:
    async with opened(app, "4", size=(120, 40)) as pilot:
        top = screen_text(app).splitlines()[0]
        await click(pilot, TopBar, top.index("reconstruct"), 0)
        assert isinstance(app.screen, ReconstructScreen)
        await pilot.resize_terminal(80, 24)
        await answered(pilot)
        top = screen_text(app).splitlines()[0]
        assert all(name in top for name in ("1 runs", "2 train", "3 recon", "4 sample", "5 latent", "6 comp", "7 eval"))
        assert "vae-mnist" in top and "running" in top
        await click(pilot, TopBar, top.index("sample"), 0)
        assert isinstance(app.screen, SampleScreen)


async def test_a_narrow_terminal_has_a_menu_of_the_screens(app: VaeTui) -> None:
    async with opened(app, "4", size=(40, 12)) as pilot:
        top = screen_text(app).splitlines()[0]
        assert "≡ 4 sample" in top and "vae-mnist" in top and "running" in top
        await click(pilot, TopBar, top.index("sample"), 0)
        assert isinstance(app.screen, ScreenMenu)
        await press(pilot, "up", "enter")
        assert isinstance(app.screen, ReconstructScreen)
        await click(pilot, TopBar, 3, 0)
        await press(pilot, "4")
        assert isinstance(app.screen, SampleScreen)


async def test_a_long_name_is_cut_before_the_names_of_the_screens_are(app: VaeTui) -> None:
    async with opened(app, "4", size=(80, 24)):
        bar = app.screen.query_one(TopBar)
        bar.show_run("a-run-with-a-rather-long-name", bar._state)
        assert "7 eval" in str(bar.content)
        assert "a-run-w" in str(bar.content) and "running" in str(bar.content) and "…" in str(bar.content)


async def test_a_second_click_on_an_image_looks_closer(app: VaeTui) -> None:
    async with opened(app, "3", size=(120, 40)) as pilot:
        gallery = shown(app, ReconstructScreen).query_one("#page", Gallery)
        tiling = gallery.tiling((3, 28, 28))
        assert tiling is not None
        await click(pilot, "#page", tiling.step + 2, 3)
        assert shown(app, ReconstructScreen).place == 1
        await click(pilot, "#page", tiling.step + 2, 3)
        assert shown(app, ImageDetailScreen).place == 1
        await turn(pilot, MouseScrollDown, "#pair")
        assert shown(app, ImageDetailScreen).place == 2


async def test_the_wheel_turns_pages(app: VaeTui) -> None:
    async with opened(app, "3", size=(80, 24)) as pilot:
        screen = shown(app, ReconstructScreen)
        await turn(pilot, MouseScrollDown, "#page")
        assert screen.place == screen.capacity
        await turn(pilot, MouseScrollUp, "#page")
        assert screen.place == 0


async def test_the_wheel_makes_digits_larger_and_a_second_click_walks_from_one(app: VaeTui) -> None:
    async with opened(app, "4", size=(120, 40)) as pilot:
        await turn(pilot, MouseScrollUp, "#grid")
        assert "of 32  from" in screen_text(app)
        await turn(pilot, MouseScrollDown, "#grid")
        assert "of 32  from" not in screen_text(app)
        await click(pilot, "#grid", 2, 2)
        assert isinstance(app.screen, LatentPathScreen)


async def test_a_second_click_enlarges_a_chart(run_app: VaeTui) -> None:
    async with run_app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "6")
        grid = run_app.screen.query_one(ChartGrid)
        assert len(grid._keys) > 1
        await click(pilot, "#kl", 10, 3, times=2)
        assert grid._keys == ["kl"]
        assert run_app.screen.query_one("#kl", Plot).display
