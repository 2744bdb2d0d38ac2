"""Screen 3: pages of validation images."""

from __future__ import annotations

import re

import pytest

from tests.support.explorers import FakeExplorer, FakeExplorers
from tests.support.screens import answered, opened, press, screen_text, shown, until
from tests.support.snapshots import OTHER, RUN
from tui import export_plots
from tui.app import VaeTui
from tui.screens.inspect.image import ImageDetailScreen
from tui.screens.inspect.reconstruct import ReconstructScreen


async def test_arrows_and_pages_walk_through_the_validation_set(run_app: VaeTui) -> None:
    async with run_app.run_test(size=(80, 24)) as pilot:
        await press(pilot, "3")
        screen = run_app.screen
        assert isinstance(screen, ReconstructScreen)
        assert screen.capacity == 4
        for keys, place in (
            (["right"], 1),
            (["left", "left"], 0),
            (["pagedown"], 4),
            (["right"] * 4, 8),
            (["left"], 7),
            (["end"], 204),
            (["right", "pagedown"], 204),
            (["pageup"], 200),
            (["home"], 0),
        ):
            await press(pilot, *keys)
            assert screen.place == place
            assert screen.page is not None
            assert screen.page.first == place // 4 * 4


async def test_one_class_is_kept_and_the_worst_come_first(run_app: VaeTui, explorers: FakeExplorers) -> None:
    async with run_app.run_test(size=(80, 24)) as pilot:
        await press(pilot, "3", "c", "7")
        assert "class 7, by index: 1 to 4 of 20" in screen_text(run_app)
        await press(pilot, "o")
        assert "class 7, worst first" in screen_text(run_app)
        assert explorers[RUN].asked[-1] == ("page", 0, 4, 7, "worst")
        await press(pilot, "c", "3")
        assert "no validation image is of class 3" in screen_text(run_app)
        await press(pilot, "c", "escape")
        assert "no validation image is of class 3" in screen_text(run_app)
        await press(pilot, "c", "a")
        assert "worst first: 1 to 4 of 205" in screen_text(run_app)


@pytest.mark.parametrize(("keys", "following"), [("o", "next: worst first"), ("c7", "next: class 7")])
async def test_a_page_is_called_what_it_was_asked_for_until_another_comes(
    run_app: VaeTui, explorers: FakeExplorers, monkeypatch: pytest.MonkeyPatch, keys: str, following: str
) -> None:
    titles: list[str] = []
    monkeypatch.setattr(export_plots, "save_tiles", lambda path, page: titles.append(page.title))
    async with run_app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "3")
        explorers[RUN].gate.clear()
        await pilot.press(*keys)
        await until(pilot, lambda: following in screen_text(run_app), "what comes")
        await pilot.press("right", "e")
        await until(pilot, lambda: titles, "the picture of what is seen")
        assert titles[0].endswith("errors: by index: 1 to 8 of 205")
        assert "  by index: 1 to 8 of 205" in screen_text(run_app).splitlines()[1]
        explorers[RUN].gate.set()
        await answered(pilot)
        assert following.removeprefix("next: ") in screen_text(run_app).splitlines()[1]
        assert "next:" not in screen_text(run_app)


@pytest.mark.parametrize(
    ("classes", "heading"),
    [
        (tuple(map(str, range(10))), "  class 7, by index: 1 to 4 of 20"),
        (("circle", "square", "star"), "  by index: 1 to 4 of 205"),
        ((), "  by index: 1 to 4 of 205"),
    ],
)
async def test_a_class_is_kept_for_another_run_of_the_same_classes(
    run_app: VaeTui, explorers: FakeExplorers, classes: tuple[str, ...], heading: str
) -> None:
    explorers[OTHER].classes = classes
    async with run_app.run_test(size=(80, 24)) as pilot:
        await press(pilot, "3", "c", "7")
        run_app.selected_run = OTHER
        await answered(pilot)
        assert heading in screen_text(run_app).splitlines()[1]
        await press(pilot, "pagedown", "c")
        assert ("square" in screen_text(run_app)) == ("square" in classes)
        assert explorers[OTHER].asked[-1][3] == (7 if "7" in classes else None)


async def test_a_class_that_was_chosen_among_those_of_another_run_is_not_asked_for(
    run_app: VaeTui, explorers: FakeExplorers
) -> None:
    explorers[OTHER].classes = ("circle", "square", "star")
    async with run_app.run_test(size=(80, 24)) as pilot:
        await press(pilot, "3")
        explorers[OTHER].gate.clear()
        run_app.selected_run = OTHER
        await pilot.press("c")
        explorers[OTHER].gate.set()
        await answered(pilot)
        await press(pilot, "7")
        assert "  by index: 1 to 4 of 205" in screen_text(run_app).splitlines()[1]
        assert explorers[OTHER].asked[-1][3] is None


async def test_the_classes_of_a_run_are_offered_where_no_page_of_it_is_seen(
    run_app: VaeTui, explorers: FakeExplorers
) -> None:
    explorers[RUN].classes = tuple(f"kind {number}" for number in range(10))
    async with run_app.run_test(size=(80, 24)) as pilot:
        await press(pilot, "3", "c", "3")
        assert "no validation image is of class 3" in screen_text(run_app)
        await press(pilot, "c")
        assert "7 kind 7" in screen_text(run_app)


async def test_a_click_chooses_an_image(run_app: VaeTui) -> None:
    async with run_app.run_test(size=(80, 24)) as pilot:
        await press(pilot, "3")
        await pilot.click("#page", offset=(50, 5))
        assert isinstance(run_app.screen, ReconstructScreen)
        assert run_app.screen.place == 2
        await pilot.click("#page", offset=(79, 5))
        assert run_app.screen.place == 3


async def test_a_larger_terminal_is_filled(app: VaeTui, explorer: FakeExplorer) -> None:
    async with opened(app, "3") as pilot:
        assert explorer.asked[-1] == ("page", 0, 4, None, "index")
        await pilot.resize_terminal(120, 40)
        await answered(pilot)
        assert explorer.asked[-1] == ("page", 0, 8, None, "index")


async def test_the_image_that_was_looked_at_stays_in_sight_when_pages_shrink(
    app: VaeTui, explorer: FakeExplorer
) -> None:
    async with opened(app, "3", *["right"] * 6, size=(120, 40)) as pilot:
        await pilot.resize_terminal(80, 24)
        await answered(pilot)
        assert shown(app, ReconstructScreen).place == 6
        assert explorer.asked[-1] == ("page", 4, 4, None, "index")
        await press(pilot, "enter")
        assert shown(app, ImageDetailScreen).place == 6


async def test_classes_with_names_are_called_by_them(run_app: VaeTui, explorers: FakeExplorers) -> None:
    explorers[RUN].classes = ("cat", "dog", *(f"no {number}" for number in range(2, 10)))
    async with run_app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "3", "c")
        assert "1 dog" in screen_text(run_app)
        await press(pilot, "1")
        assert "class 1 dog, by index" in screen_text(run_app) and "class  1 dog" in screen_text(run_app)
        await press(pilot, "enter")
        assert "class 1 dog" in screen_text(run_app)
        await press(pilot, "escape", "5")
        assert re.search(r"\d (cat|dog|no \d) +reconstr", screen_text(run_app))


async def test_one_of_more_than_ten_classes_is_typed(run_app: VaeTui, explorers: FakeExplorers) -> None:
    explorers[RUN].classes = tuple(f"kind {number}" for number in range(47))
    async with run_app.run_test(size=(80, 24)) as pilot:
        await press(pilot, "3", "c", "backspace", "4", "7", "enter")
        assert "0 to 46, a name, or a: all classes" in screen_text(run_app)
        await press(pilot, "backspace", "backspace", *"kind", "space", "7", "enter")
        assert "class 7 kind 7, by index: 1 to 4 of 20" in screen_text(run_app)


@pytest.mark.parametrize(
    ("size", "rows"),
    [((80, 24), "original, reconstruction, error"), ((80, 20), "original, reconstruction"), ((40, 12), "original, re")],
)
async def test_the_error_gives_way_then_one_image_is_shown(app: VaeTui, size: tuple[int, int], rows: str) -> None:
    async with opened(app, "3", size=size) as pilot:
        text = screen_text(app)
        assert text.splitlines()[1].startswith(f" {rows}")
        assert "too small" not in text
        assert ("error 27.0" in text) == (size[0] == 40)
        await press(pilot, "right")
        assert shown(app, ReconstructScreen).place == 1
