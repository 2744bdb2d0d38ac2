"""Screen 5: the latent space as a plane."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.arrays import Images
from core.latents import options
from core.latents.plane.density import GRID, PlanePoints, densities
from tests.support.explorers import FakeExplorer, FakeExplorers
from tests.support.readers import Readers
from tests.support.screens import answered, feed, opened, press, screen_text, shown, until
from tests.support.snapshots import OTHER, RUN, make_run_update
from tui.app import VaeTui
from tui.drawing.grounds.thumbnails import Thumbnails
from tui.messages import RunUpdate
from tui.screens.inspect.image import SAMPLES
from tui.screens.inspect.latent import LatentScreen
from tui.widgets.gallery import Gallery
from tui.widgets.scatter import Scatter


def message_of(app: VaeTui, gallery: str) -> str:
    """What a gallery says in place of tiles."""
    found = app.screen.query_one(gallery, Gallery)
    return found.message if found._tiles is None else "tiles"


async def test_the_cursor_shows_the_nearest_image_and_decodes_when_asked(
    run_app: VaeTui, explorers: FakeExplorers
) -> None:
    explorer = explorers[RUN]
    explorer.note = "on mnist-5k: no mnist on disk"
    async with run_app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "5")
        screen = run_app.screen
        assert isinstance(screen, LatentScreen)
        assert explorer.note in screen_text(run_app)
        assert "held-out accuracy 87.5%, explains 32% + 22%, fitted to 3,500 images" in screen_text(run_app)
        pairs = explorer.times("pair")
        await press(pilot, *(["right"] * 30))
        assert explorer.times("pair") > pairs
        assert [asked[1] for asked in explorer.asked if asked[0] == "pair"][-1] == "validation"
        await press(pilot, "left")
        z = [asked[1] for asked in explorer.asked if asked[0] == "decode"][-1]
        assert z.shape == (1, 64)
        assert screen.plane is not None
        assert screen.plane.linear is not None
        scatter = screen.query_one(Scatter)
        assert np.allclose(screen.plane.linear.project(z)[0], scatter.cursor)
        nearest = scatter.nearest()
        assert nearest is not None
        x, y = screen.plane.points[nearest]
        assert f"cursor {scatter.cursor[0]:.3g}, {scatter.cursor[1]:.3g}" in screen_text(run_app)
        assert f"image {nearest} at {x:.3g}, {y:.3g}" in screen_text(run_app)


async def test_enter_looks_closer_at_the_nearest_image_and_comes_back_to_the_last_one(
    app: VaeTui, explorer: FakeExplorer
) -> None:
    async with opened(app, "5", *"vvvvv", size=(120, 40)) as pilot:
        screen = shown(app, LatentScreen)
        scatter, plane = screen.query_one(Scatter), screen.plane
        assert plane is not None
        scatter.place_cursor(*plane.points[13])
        await press(pilot, "enter")
        assert explorer.asked[-1] == ("image_detail", 13, SAMPLES, 0, "training")
        assert "training image 13" in screen_text(app)
        await press(pilot, "right", "escape")
        assert scatter.nearest() == 14


async def test_densities_are_compared_with_each_sampler(app: VaeTui, explorer: FakeExplorer) -> None:
    def compared() -> list[tuple[object, ...]]:
        return [(asked[1].projection, asked[2]) for asked in explorer.asked if asked[0] == "density"]

    explorer.note = "on mnist-5k: no mnist on disk"
    async with opened(app, "5", "v", "z", size=(120, 40)) as pilot:
        assert compared() == []
        await press(pilot, "v")
        assert compared() == [("lda", "prior")]
        assert "drawn from the prior N(0, I)" in screen_text(app)
        assert "in common with the prior N(0, I), held-out accuracy 87.5%  " in screen_text(app)
        assert explorer.note in screen_text(app)
        await press(pilot, "z", "o")
        assert compared()[1:] == [("lda", "gaussian"), ("pca", "gaussian")]
        await press(pilot, "v")
        assert "= 8x drawn  - 2x  . alike  + 2x  # 8x latents" in screen_text(app)
        assert len(compared()) == 3
        await press(pilot, "X")
        assert "the aggregate posterior against the prior" in screen_text(app)
        await press(pilot, "escape", "v")
        assert "in common" not in screen_text(app)
        await press(pilot, "v")
        assert "classes 0 1 2" in " ".join(screen_text(app).split())


async def test_a_density_is_seen_at_first_as_far_as_it_reaches(
    app: VaeTui, explorer: FakeExplorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    points = 30 * np.random.default_rng(0).standard_normal((2000, 2))
    wide = densities(points[None], np.zeros(2000, int), PlanePoints(points))
    monkeypatch.setattr(explorer, "density", lambda options, sampler: wide)
    async with opened(app, "5", "o", size=(120, 40)) as pilot:
        scatter = shown(app, LatentScreen).query_one(Scatter)
        home = scatter.view
        assert home.x[1] < 40
        await press(pilot, "v", "v")
        assert scatter.view.x[0] < -40 < 40 < scatter.view.x[1]
        await press(pilot, "v", "v")
        assert scatter.view == home
        await press(pilot, *"vvvv", "plus")
        closer = scatter.view
        await press(pilot, "v")
        assert scatter.view == closer, "where somebody looks stays"


async def test_densities_are_exported_as_they_are_seen(
    app: VaeTui, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    async with opened(app, "5", "o", "v", "v", "e", size=(120, 40)) as pilot:
        for look in ("density", "ratio"):
            await until(pilot, lambda: app.exported, "the files")
            picture, table = app.exported
            assert [picture.name, table.name] == [f"vae-mnist-latent-{look}{suffix}" for suffix in (".png", ".csv")]
            assert picture.read_bytes().startswith(b"\x89PNG")
            header, *rows = table.read_text().splitlines()
            assert header == "component 1,component 2,posterior,drawn"
            assert len(rows) == GRID * GRID
            app.exported.clear()
            await press(pilot, "v", "e")


async def test_the_plane_is_filled_with_what_decodes_in_it(
    app: VaeTui, explorer: FakeExplorer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def decoded() -> list[int]:
        return [len(asked[1]) for asked in explorer.asked if asked[0] == "decode" and len(asked[1]) > 1]

    monkeypatch.chdir(tmp_path)
    async with opened(app, "5", *"vvvv", size=(120, 40)) as pilot:
        scatter, plane = app.screen.query_one(Scatter), shown(app, LatentScreen).plane
        assert plane is not None
        assert "decoded in the plane" in screen_text(app)
        ground = scatter.ground
        assert isinstance(ground, Thumbnails)
        assert decoded() == [len(ground.points)]
        z = next(asked[1] for asked in explorer.asked if asked[0] == "decode" and len(asked[1]) > 1)
        assert plane.linear is not None
        assert np.allclose(plane.linear.project(z), ground.points)
        await press(pilot, "right", "left")
        assert len(decoded()) == 1
        await press(pilot, "plus", "minus")
        assert len(decoded()) == 2
        await press(pilot, "e")
        await until(pilot, lambda: app.exported, "the file")
        assert [path.name for path in app.exported] == ["vae-mnist-latent-decoded.png"]
        assert Image.open(app.exported[0]).size == (1400, 1200), "with the axes of other planes"


async def test_an_embedding_has_no_way_back_and_another_for_each_seed(app: VaeTui, explorer: FakeExplorer) -> None:
    async with opened(app, "5", "v", "v", "o", "o", "o", size=(120, 40)) as pilot:
        assert "t-SNE of validation  30 neighbours, seed 0, fitted to what is shown" in screen_text(app)
        assert "t-SNE has no way back: no" in screen_text(app)
        assert explorer.times("density") == 3  # of the three planes on the way that have a formula
        decoded = explorer.times("decode")
        await press(pilot, "right", "greater_than_sign")
        assert explorer.times("decode") == decoded
        assert "seed 1" in screen_text(app)
        await press(pilot, "t", "f")
        assert isinstance(app.screen, LatentScreen)
        await press(pilot, "enter")
        assert explorer.asked[-1][0] == "image_detail"


async def test_an_embedding_is_left_for_another_plane(
    app: VaeTui, explorer: FakeExplorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(options, "find_spec", lambda name: None)  # so that it is the last one
    async with opened(app, "5", "o", "o", size=(120, 40)) as pilot:
        explorer.endless = True
        await pilot.press("o")
        await until(pilot, lambda: "iteration 50" in screen_text(app), "the word")
        assert "o goes on without it" in screen_text(app)
        await pilot.press("left")
        await until(pilot, lambda: explorer.asked[-1][0] == "decode", "an answer meanwhile")
        explorer.endless = False
        await pilot.press("o")
        await until(pilot, lambda: "LDA of validation" in screen_text(app), "the plane")


async def test_a_density_that_takes_long_keeps_nothing_waiting_and_is_given_up(
    app: VaeTui, explorer: FakeExplorer
) -> None:
    async with opened(app, "5", "v", size=(120, 40)) as pilot:
        screen, explorer.endless = shown(app, LatentScreen), True
        await pilot.press("v")
        await until(pilot, lambda: "drawing latents: 500 of 2,000; v goes on" in screen_text(app), "the word")
        pairs = explorer.times("pair")
        await pilot.press("right", "right", "right")
        await until(pilot, lambda: explorer.times("pair") > pairs, "the image under the cursor")
        await until(pilot, lambda: explorer.asked[-1][0] == "decode", "what decodes there")
        await pilot.press("v", "v")
        await until(pilot, lambda: isinstance(screen.query_one(Scatter).ground, Thumbnails), "the look after it")
        await until(pilot, lambda: not screen.is_busy, "the end of what nobody waits for")
        assert "drawing latents" not in screen_text(app)
        await press(pilot, "t")
        assert not isinstance(app.screen, LatentScreen), "nothing waits for it"
        await press(pilot, "escape")
        await pilot.press("v", "v", "v", "v")
        await until(pilot, lambda: "drawing latents" in screen_text(app), "the word again")
        await pilot.press("4")
        await until(pilot, lambda: not screen.is_busy, "the end where it is not seen")
        explorer.endless = False
        await pilot.press("5")
        await until(pilot, lambda: "in common with" in screen_text(app), "the density")


async def test_latent_numbers_come_in_the_order_of_what_they_say(app: VaeTui, explorer: FakeExplorer) -> None:
    explorer.activities = np.where(np.arange(64) == 9, 2.0, np.where(np.arange(64) == 1, 1.0, 0.001))
    async with opened(app, "5", "right_square_bracket", size=(120, 40)) as pilot:
        assert "latent numbers 0 and 1 of validation  2 of 64 active" in screen_text(app)
        await press(pilot, "right_curly_bracket", "left_square_bracket")
        assert "latent numbers 1 and 2 of validation" in screen_text(app)
        await press(pilot, "number_sign")
        assert "z9, z1" in screen_text(app)


async def test_only_one_class_is_shown_and_looked_through(app: VaeTui, explorer: FakeExplorer) -> None:
    async with opened(app, "5", size=(120, 40)) as pilot:
        screen = shown(app, LatentScreen)
        scatter = screen.query_one(Scatter)
        assert screen.plane is not None
        scatter.place_cursor(*screen.plane.points[7])
        await press(pilot, "c")
        assert "o only 7" in screen_text(app)
        await press(pilot, "o")
        assert scatter.hidden == set(range(10)) - {7}
        await press(pilot, "enter", "right")
        assert explorer.asked[-1][:2] == ("image_detail", 17)
        assert "2 of 20" in screen_text(app)


@pytest.mark.parametrize("extra", [[], ["umap"]])
async def test_planes_are_chosen_by_key(
    run_app: VaeTui, explorers: FakeExplorers, monkeypatch: pytest.MonkeyPatch, extra: list[str]
) -> None:
    monkeypatch.setattr(options, "find_spec", lambda name: object() if name in extra else None)
    explorer = explorers[RUN]

    def choice() -> tuple[object, ...]:
        asked = [asked[1] for asked in explorer.asked if asked[0] == "projection"][-1]
        return asked.projection, asked.part, asked.fit_on_shown, asked.numbers

    async with run_app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "5")
        for key, expected in (
            ("f", ("lda", "validation", True, None)),
            ("vvvvv", ("lda", "training", True, None)),
            ("vvvvv", ("lda", "validation", True, None)),
            ("f", ("lda", "validation", False, None)),
            ("o", ("pca", "validation", False, None)),
            (["right_square_bracket"], ("dims", "validation", False, None)),
            (["right_square_bracket"], ("dims", "validation", False, (2, 1))),
            (["left_square_bracket"], ("dims", "validation", False, (0, 1))),
            (["left_square_bracket"], ("dims", "validation", False, (63, 1))),
            (["right_curly_bracket"], ("dims", "validation", False, (63, 2))),
            (["left_curly_bracket"], ("dims", "validation", False, (63, 1))),
            ("o", ("tsne", "validation", False, None)),
            *(("o", (name, "validation", False, None)) for name in extra),
            ("o", ("lda", "validation", False, None)),
        ):
            await press(pilot, *key)
            assert choice() == expected


async def test_classes_and_the_view_are_changed_by_key(run_app: VaeTui) -> None:
    async with run_app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "5")
        scatter = run_app.screen.query_one(Scatter)
        home = scatter.view
        await press(pilot, "c", "4")
        assert scatter.hidden == {4}
        await press(pilot, "c", "a")
        assert scatter.hidden == frozenset()
        await press(pilot, "plus")
        assert scatter.view.x[1] - scatter.view.x[0] < home.x[1] - home.x[0]
        await press(pilot, "L", "J", "0")
        assert scatter.view == home
        markers = scatter.markers
        await press(pilot, "v")
        assert scatter.markers != markers


async def test_a_class_of_a_plane_that_was_lost_meanwhile_is_not_switched(
    run_app: VaeTui, explorers: FakeExplorers
) -> None:
    explorers[RUN].classes = tuple(f"letter {number}" for number in range(26))
    async with run_app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "5")
        latent = shown(run_app, LatentScreen)
        await press(pilot, "c")
        latent.show_message("the run is gone")
        await press(pilot, "backspace", "1", "5", "enter")
        assert shown(run_app, LatentScreen) is latent
        assert latent.query_one(Scatter).hidden == frozenset()


async def test_another_run_leaves_nothing_of_the_plane_before(app: VaeTui, explorers: FakeExplorers) -> None:
    explorers[OTHER].gate.clear()
    async with opened(app, "5", "o") as pilot:
        assert "PCA of validation" in screen_text(app)
        app.selected_run = OTHER
        await until(pilot, lambda: explorers[OTHER].times("projection"), "the question")
        await pilot.pause()
        assert "PCA" not in screen_text(app)
        assert "opening the run" in screen_text(app)
        assert message_of(app, "#pair") == ""
        explorers[OTHER].gate.set()
        await answered(pilot)
        assert "LDA of validation" in screen_text(app)


async def test_the_nearest_image_keeps_its_own_class(
    app: VaeTui, explorer: FakeExplorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(app, "5", size=(120, 40)) as pilot:
        explorer.gate.clear()
        scatter, plane = app.screen.query_one(Scatter), shown(app, LatentScreen).plane
        assert plane is not None
        scatter.place_cursor(*plane.points[4])
        await until(pilot, lambda: explorer.asked[-1] == ("pair", "validation", 4), "the question")
        scatter.place_cursor(*plane.points[9])
        await pilot.pause()
        heard: list[str] = []
        gallery = app.screen.query_one("#pair", Gallery)
        show = gallery.show

        def watched(tiles: Images, names: Sequence[str]) -> None:
            heard.append(names[0])
            show(tiles, names)

        monkeypatch.setattr(gallery, "show", watched)
        explorer.gate.set()
        await answered(pilot)
        assert heard == ["nearest: 4", "nearest: 9"]


async def test_a_cursor_that_stays_nearest_to_its_image_asks_nothing(app: VaeTui, explorer: FakeExplorer) -> None:
    async with opened(app, "5", size=(120, 40)) as pilot:
        screen = shown(app, LatentScreen)
        scatter = screen.query_one(Scatter)
        assert screen.plane is not None
        scatter.place_cursor(*screen.plane.points[7])
        await answered(pilot)
        assert ("pair", "validation", 7) in explorer.asked[-2:]
        asked = len(explorer.asked)
        await press(pilot, "plus", "minus", "v")
        assert len(explorer.asked) == asked


async def test_which_latent_numbers_are_shown_is_said_in_80_columns(app: VaeTui) -> None:
    async with opened(app, "5", "right_square_bracket") as pilot:
        assert "latent numbers 0 and 1 of validation" in screen_text(app)
        await press(pilot, "right_square_bracket", "left_curly_bracket")
        assert "latent numbers 2 and 0 of validation" in screen_text(app)


async def test_newer_weights_keep_the_view_and_the_hidden_classes(app: VaeTui, updates: Readers[RunUpdate]) -> None:
    async with opened(app, "5", "plus", "plus", "c", "4") as pilot:
        scatter = app.screen.query_one(Scatter)
        view, cursor = scatter.view, scatter.cursor
        await feed(pilot, updates.last, make_run_update(weights_version=2))
        assert (scatter.view, scatter.cursor, set(scatter.hidden)) == (view, cursor, {4})
