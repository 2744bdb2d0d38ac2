"""The screens that look into a run, fed by an explorer without a model."""

from __future__ import annotations

import csv
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from syrupy.assertion import SnapshotAssertion
from textual.widgets import Input

from core.errors import DamagedFile, DataError, RunError
from core.runs.run import Run
from tests.support.explorers import FakeExplorer, FakeExplorers
from tests.support.readers import HandFed, Readers
from tests.support.screens import MakeApp, answered, feed, press, screen_text, until
from tests.support.snapshots import make_run_update, make_snapshot, make_summary
from tui.app import VaeTui
from tui.background.tasks import LatestTaskQueue
from tui.messages import RunUpdate
from tui.screens.compare.screen import CompareScreen
from tui.screens.dialogs import AskNumber, ChooseRun, Keys
from tui.screens.inspect.image import ImageDetailScreen
from tui.screens.inspect.latent import LatentScreen
from tui.screens.inspect.path import LatentPathScreen
from tui.screens.inspect.reconstruct import ReconstructScreen
from tui.screens.inspect.sample import SampleScreen
from tui.widgets.gallery import Gallery
from tui.widgets.scatter import Scatter

SIZES = [(80, 24), (120, 40)]
OTHER = Run(Path("checkpoints") / "ae-mnist")

# What is pressed after the screen's own key.
VIEWS = {
    "reconstruct": ["3"],
    "closeup": ["3", "right", "enter"],
    "sample": ["4"],
    "traversal": ["4", "right", "v"],
    "interpolation": ["4", "x", "right", "x"],
    "latent": ["5", "g"],
    "compare-curves": ["6"],
    "compare-digits": ["6", "v"],
    "compare-samples": ["6", "v", "v"],
    "compare-latent": ["6", "v", "v", "v"],
    "compare-settings": ["6", "V"],
    "evaluate": ["7", "enter"],
}


@pytest.fixture
def explorers() -> FakeExplorers:
    return FakeExplorers()


@pytest.fixture
def open_app(make_app: MakeApp, explorers: FakeExplorers, monkeypatch: pytest.MonkeyPatch) -> MakeApp:
    """An app that shows a run, with another one to compare with."""

    def open_one(**news: object) -> VaeTui:
        return make_app(
            **(
                {
                    "snapshot": make_snapshot(),
                    "explorer": explorers.of,
                    "snapshots": snapshot_of,
                    "other_runs": lambda run: [other for other in (OTHER, RUN) if other != run],
                }
                | news
            )
        )

    return open_one


RUN = make_summary().run


def snapshot_of(run: Run) -> HandFed[object]:
    summary = make_summary(run.name, preset="ae" if run == OTHER else "vae")
    return HandFed(make_snapshot(summary))


def explorer_of(explorers: FakeExplorers, run: Run = RUN) -> FakeExplorer:
    return explorers.setdefault(run, FakeExplorer(run))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("view", VIEWS)
async def test_every_view_at_two_sizes(
    open_app: MakeApp, snapshot: SnapshotAssertion, view: str, size: tuple[int, int]
) -> None:
    app = open_app()
    async with app.run_test(size=size) as pilot:
        await press(pilot, *VIEWS[view])
        shown = screen_text(app)
        assert "waiting for" not in shown
        assert all(len(line) <= size[0] for line in shown.splitlines())
        assert "q quit" in shown.splitlines()[-1]
        assert shown == snapshot


@pytest.mark.slow
async def test_every_view_survives_any_size(open_app: MakeApp) -> None:
    app = open_app()
    async with app.run_test(size=(80, 24)) as pilot:
        for keys in VIEWS.values():
            await press(pilot, *keys)
            for size in ((40, 12), (20, 5), (1, 1), (300, 100), (80, 24)):
                await pilot.resize_terminal(*size)
                await answered(pilot)
            await press(pilot, "escape")


@pytest.mark.parametrize(
    ("environment", "signs", "colored"),
    [
        ({"COLORTERM": "truecolor"}, "▀", True),
        ({"TERM": "xterm-256color"}, "▀", True),
        ({"TERM": "xterm"}, "█", False),
        ({"NO_COLOR": "1"}, "█", False),
        ({"TERM": "dumb"}, "@", False),
    ],
)
async def test_pictures_and_points_at_every_colour_depth(
    open_app: MakeApp, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], signs: str, colored: bool
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    app = open_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "4")
        assert signs in screen_text(app)
        assert ("█" in screen_text(app)) == (signs == "█")
        await press(pilot, "5")
        lines = app.screen.query_one(Scatter)._strips[2:-3]
        points = "".join(strip.text for strip in lines)
        assert any("\u2800" < sign <= "\u28ff" for sign in points) == colored
        colors = {segment.style.color for strip in lines for segment in strip if segment.style}
        assert (len(colors) >= 10) == (colored or environment.get("TERM") == "xterm")


@pytest.mark.parametrize("key", ["3", "4", "5", "6"])
@pytest.mark.parametrize(
    ("trouble", "message"),
    [
        (RunError("vae-mnist has no weights yet: the trainer"), "vae-mnist has no weights yet"),
        (DamagedFile(Path("model.safetensors"), "holds no vae model"), "model.safetensors: holds no vae model"),
        (DataError("kmnist is not in /data; get it with: vae-tui data --download kmnist"), "data --download kmnist"),
    ],
)
async def test_what_cannot_be_shown_is_explained(
    open_app: MakeApp, explorers: FakeExplorers, key: str, trouble: Exception, message: str, updates: Readers[RunUpdate]
) -> None:
    explorer_of(explorers).fail = trouble
    app = open_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, key, *(["v"] if key == "6" else []))
        assert message in screen_text(app)
        explorer_of(explorers).fail = None
        await feed(pilot, updates.last, make_run_update(weights_version=2))
        assert message not in screen_text(app)


async def test_without_a_run_the_screens_say_what_to_do(make_app: MakeApp) -> None:
    app = make_app(runs=[])
    async with app.run_test() as pilot:
        for key in "34567":
            await pilot.press(key)
            await pilot.pause(0.1)
            assert "no run is chosen" in screen_text(app)


async def test_without_another_run_there_is_nothing_to_compare_with(
    open_app: MakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = open_app(other_runs=lambda run: [])
    async with app.run_test() as pilot:
        await press(pilot, "6", "v")
        assert "there is no other run to compare with; n starts one" in screen_text(app)


async def test_what_takes_long_is_said_until_it_is_there(open_app: MakeApp, explorers: FakeExplorers) -> None:
    explorer = explorer_of(explorers)
    explorer.gate.clear()
    app = open_app()
    async with app.run_test() as pilot:
        await pilot.press("4")
        await until(pilot, lambda: explorer.times("samples") or None, "the question")
        explorer.reports[-1]("encoding training images: 3,000 of 10,000")
        await pilot.pause()
        assert "encoding training images: 3,000 of 10,000" in screen_text(app)
        explorer.note = "mnist is not here: mnist-5k"
        explorer.gate.set()
        await answered(pilot)
        assert "encoding" not in screen_text(app)
        assert "mnist is not here: mnist-5k" in screen_text(app)


# Reconstruct


async def test_arrows_and_pages_walk_through_the_validation_set(open_app: MakeApp) -> None:
    app = open_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await press(pilot, "3")
        screen = app.screen
        assert isinstance(screen, ReconstructScreen)
        assert screen.capacity == 5
        for keys, place in (
            (["right"], 1),
            (["left", "left"], 0),
            (["pagedown"], 5),
            (["right"] * 5, 10),
            (["left"], 9),
            (["end"], 204),
            (["right", "pagedown"], 204),
            (["pageup"], 199),
            (["home"], 0),
        ):
            await press(pilot, *keys)
            assert screen.place == place
            assert screen.page is not None
            assert screen.page.first == place // 5 * 5


async def test_one_class_is_kept_and_the_worst_come_first(open_app: MakeApp, explorers: FakeExplorers) -> None:
    app = open_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await press(pilot, "3", "f", "7")
        assert "class 7, by index: 1 to 5 of 20" in screen_text(app)
        await press(pilot, "o")
        assert "class 7, worst first" in screen_text(app)
        assert explorer_of(explorers).asked[-1] == ("page", 0, 5, 7, "worst")
        await press(pilot, "f", "3")
        assert "no validation image is of class 3" in screen_text(app)
        await press(pilot, "f", "escape")
        assert "no validation image is of class 3" in screen_text(app)
        await press(pilot, "f", "a")
        assert "all classes, worst first: 1 to 5 of 205" in screen_text(app)


async def test_enter_zooms_in_and_escape_comes_back_to_the_image_seen_last(open_app: MakeApp) -> None:
    app = open_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await press(pilot, "3", "right", "right", "enter")
        screen = app.screen
        assert isinstance(screen, ImageDetailScreen)
        assert screen.closeup is not None
        assert screen.closeup.index == 2
        before = screen.closeup.samples
        await press(pilot, "r")
        assert (screen.closeup.samples != before).any()
        assert " -2.9" in screen_text(app) or "-3.0" in screen_text(app)
        await press(pilot, "d")
        assert "0.2" in screen_text(app)
        await press(pilot, *(["right"] * 5), "escape")
        assert isinstance(app.screen, ReconstructScreen)
        assert app.screen.place == 7


async def test_a_click_chooses_an_image(open_app: MakeApp) -> None:
    app = open_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await press(pilot, "3")
        await pilot.click("#page", offset=(50, 5))
        assert isinstance(app.screen, ReconstructScreen)
        assert app.screen.place == 3
        await pilot.click("#page", offset=(79, 5))
        assert app.screen.place == 3


# Sample and walk


async def test_samplers_seeds_and_temperatures_are_chosen_by_key(open_app: MakeApp, explorers: FakeExplorers) -> None:
    app = open_app()
    asked = explorer_of(explorers).asked
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "4")
        for key, expected in (
            ("r", ("prior", 32, 1, 1.0)),
            ("r", ("prior", 32, 2, 1.0)),
            ("R", ("prior", 32, 1, 1.0)),
            ("plus", ("prior", 32, 1, 1.1)),
            ("minus", ("prior", 32, 1, 1.0)),
            ("s", ("gaussian", 32, 1, 1.0)),
            ("s", ("full", 32, 1, 1.0)),
            ("s", ("mixture", 32, 1, 1.0)),
            ("s", ("prior", 32, 1, 1.0)),
        ):
            await press(pilot, key)
            assert asked[-1] == ("samples", *expected)
        await press(pilot, *(["minus"] * 14))
        assert asked[-1][-1] == 0.0
        await press(pilot, *(["plus"] * 40))
        assert asked[-1][-1] == 3.0
        await press(pilot, "number_sign")
        assert isinstance(app.screen, AskNumber)
        app.screen.query_one(Input).value = "99999999999"
        await press(pilot, "enter")
        assert "a whole number from 0 to 4294967295" in screen_text(app)
        app.screen.query_one(Input).value = "42"
        await press(pilot, "enter")
        assert asked[-1] == ("samples", "prior", 32, 42, 3.0)


async def test_an_autoencoder_begins_with_the_fitted_gaussian(open_app: MakeApp, explorers: FakeExplorers) -> None:
    app = open_app(snapshot=make_snapshot(make_summary(preset="ae")))
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "4")
        assert explorer_of(explorers).asked[-1] == ("samples", "gaussian", 32, 0, 1.0)


async def test_one_latent_number_is_varied(open_app: MakeApp, explorers: FakeExplorers) -> None:
    app = open_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "4", "right", "down", "v")
        screen = app.screen
        assert isinstance(screen, LatentPathScreen)
        assert "z0 (channel 0, row 0, column 0), from -3 to +3" in screen_text(app)
        assert "z3 -3.0" in screen_text(app)
        await press(pilot, "down", "down")
        assert screen.line == 2
        await press(pilot, "number_sign")
        app.screen.query_one(Input).value = "39"
        await press(pilot, "enter")
        assert "z39 (channel 2, row 1, column 3)" in screen_text(app)
        assert explorer_of(explorers).asked[-1] == ("traversal", 39, 7)
        await press(pilot, "escape")
        assert isinstance(app.screen, SampleScreen)
        assert app.screen.chosen == 9


async def test_a_walk_needs_two_digits_and_shows_both_ways(open_app: MakeApp, explorers: FakeExplorers) -> None:
    app = open_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "4", "x", "x", "right")
        assert isinstance(app.screen, SampleScreen)
        assert app.screen.marked is None
        await press(pilot, "x", "right")
        assert "x walks from the marked digit" in screen_text(app)
        await press(pilot, "x")
        assert isinstance(app.screen, LatentPathScreen)
        assert [asked[2] for asked in explorer_of(explorers).asked[-2:]] == ["straight", "spherical"]
        assert "line 0%" in screen_text(app)
        assert "arc 0%" in screen_text(app)


async def test_an_animation_runs_only_when_it_is_asked_for(open_app: MakeApp, explorers: FakeExplorers) -> None:
    app = open_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await press(pilot, "4", "v")
        screen = app.screen
        assert isinstance(screen, LatentPathScreen)
        film = screen.query_one("#film", Gallery)
        await pilot.pause(0.5)
        assert film._tiles is None
        await press(pilot, "a")
        await until(pilot, lambda: film._tiles is not None, "the first frame")
        frames = []
        for _ in range(3):
            before = film._tiles
            await until(pilot, lambda before=before: film._tiles is not before, "the next frame")
            frames.append(film._tiles)
        assert any((frames[0] != frame).any() for frame in frames[1:])
        await press(pilot, "a")
        before = film._tiles
        await pilot.pause(0.5)
        assert film._tiles is before
        await press(pilot, "a", "escape")
        assert isinstance(app.screen, SampleScreen)


# Latent


async def test_the_cursor_shows_the_nearest_image_and_decodes_when_asked(
    open_app: MakeApp, explorers: FakeExplorers
) -> None:
    explorer = explorer_of(explorers)
    app = open_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "5")
        screen = app.screen
        assert isinstance(screen, LatentScreen)
        assert "held-out accuracy 87.5%, explains 32% + 22%, fitted to 3,500 of training" in screen_text(app)
        assert explorer.times("decode") == 0
        pairs = explorer.times("pair")
        await press(pilot, *(["right"] * 30))
        assert explorer.times("pair") > pairs
        assert explorer.asked[-1][:2] == ("pair", "validation")
        await press(pilot, "g", "left")
        assert explorer.times("decode") == 2
        z = explorer.asked[-1][1]
        assert z.shape == (1, 64)
        assert screen.plane is not None
        assert np.allclose(screen.plane.projection.project(z)[0], screen.query_one(Scatter).cursor)
        await press(pilot, "g", "left")
        assert explorer.times("decode") == 2


async def test_planes_are_chosen_by_key(open_app: MakeApp, explorers: FakeExplorers) -> None:
    explorer = explorer_of(explorers)
    app = open_app()

    def choice() -> tuple[object, ...]:
        asked = [asked[1] for asked in explorer.asked if asked[0] == "projection"][-1]
        return asked.projection, asked.part, asked.fit_on_shown, asked.numbers

    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "5")
        for key, expected in (
            ("f", ("lda", "validation", True, None)),
            ("t", ("lda", "training", True, None)),
            ("t", ("lda", "validation", True, None)),
            ("f", ("lda", "validation", False, None)),
            ("p", ("pca", "validation", False, None)),
            ("right_square_bracket", ("dims", "validation", False, None)),
            ("right_square_bracket", ("dims", "validation", False, (1, 1))),
            ("left_square_bracket", ("dims", "validation", False, (0, 1))),
            ("left_square_bracket", ("dims", "validation", False, (63, 1))),
            ("right_curly_bracket", ("dims", "validation", False, (63, 2))),
            ("left_curly_bracket", ("dims", "validation", False, (63, 1))),
            ("p", ("lda", "validation", False, None)),
        ):
            await press(pilot, key)
            assert choice() == expected


async def test_classes_and_the_view_are_changed_by_key(open_app: MakeApp) -> None:
    app = open_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "5")
        scatter = app.screen.query_one(Scatter)
        home = scatter.view
        await press(pilot, "c", "4")
        assert scatter.hidden == {4}
        await press(pilot, "c", "a")
        assert scatter.hidden == frozenset()
        await press(pilot, "plus")
        assert scatter.view.x[1] - scatter.view.x[0] < home.x[1] - home.x[0]
        await press(pilot, "l", "j", "v")
        assert scatter.view == home
        markers = scatter.markers
        await press(pilot, "m")
        assert scatter.markers != markers


# Compare


async def test_two_runs_are_compared_view_by_view(open_app: MakeApp, explorers: FakeExplorers) -> None:
    explorer_of(explorers, OTHER).faintness = 0.25
    app = open_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "6")
        screen = app.screen
        assert isinstance(screen, CompareScreen)
        assert "vae-mnist and ae-mnist" in screen_text(app)
        assert "vae-mnist validation" in screen_text(app)
        assert all(explorer.asked == [] for explorer in explorers.values())  # curves need no model
        await press(pilot, "s")  # a key of another view
        await press(pilot, "v")
        left, right = explorer_of(explorers), explorer_of(explorers, OTHER)
        assert left.asked[-1][:2] == ("page", 0)
        assert right.asked[-1][0] == "reconstruct"
        await press(pilot, "pagedown")
        assert left.asked[-1][1] > 0
        await press(pilot, "v")
        assert left.asked[-1] == ("samples", "prior", 20, 0, 1.0)
        assert right.asked[-1] == ("samples", "gaussian", 20, 0, 1.0)
        await press(pilot, "s", "s", "r")
        assert left.asked[-1] == right.asked[-1] == ("samples", "gaussian", 20, 1, 1.0)
        await press(pilot, "v", "p")
        assert left.asked[-1] == right.asked[-1]
        assert left.asked[-1][1].projection == "pca"
        one, two = screen.query(Scatter)
        assert one.view == two.view
        await press(pilot, "v")
        assert "≠  preset" in screen_text(app)
        assert "1 of" in screen_text(app)


async def test_another_run_is_chosen_and_sides_are_swapped(open_app: MakeApp, monkeypatch: pytest.MonkeyPatch) -> None:
    third = Run(Path("checkpoints") / "third")
    app = open_app(other_runs=lambda run: [other for other in (OTHER, third, RUN) if other != run])
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "6", "o")
        assert isinstance(app.screen, ChooseRun)
        await press(pilot, "down", "enter")
        assert "vae-mnist and third" in screen_text(app)
        await press(pilot, "x")
        assert "third and vae-mnist" in screen_text(app)
        assert app.selected_run == third


# Following a run


async def test_newer_weights_are_looked_at_and_the_same_are_not_asked_for_again(
    open_app: MakeApp, explorers: FakeExplorers, updates: Readers[RunUpdate]
) -> None:
    app = open_app()
    explorer = explorer_of(explorers)
    async with app.run_test() as pilot:
        await press(pilot, "4")
        for weights, times in ((1, 1), (2, 2), (2, 2), (3, 3)):
            await feed(pilot, updates.last, make_run_update(weights_version=weights))
            assert explorer.times("samples") == times


async def test_an_answer_for_a_run_that_is_no_longer_shown_is_not_shown(
    open_app: MakeApp, explorers: FakeExplorers
) -> None:
    slow = explorer_of(explorers)
    slow.gate.clear()
    app = open_app()
    async with app.run_test() as pilot:
        await pilot.press("4")
        await until(pilot, lambda: slow.times("samples") or None, "the question")
        app.selected_run = OTHER
        await pilot.pause()
        slow.fail = DamagedFile(Path("model.safetensors"), "is that of the run before")
        slow.gate.set()
        await answered(pilot)
        assert "the run before" not in screen_text(app)
        assert explorer_of(explorers, OTHER).times("samples") == 1


async def test_a_closer_look_at_a_run_ends_when_another_is_shown(open_app: MakeApp) -> None:
    app = open_app()
    async with app.run_test() as pilot:
        await press(pilot, "3", "enter")
        assert isinstance(app.screen, ImageDetailScreen)
        app.selected_run = OTHER
        await pilot.press("4", "3")
        await until(pilot, lambda: isinstance(app.screen, ReconstructScreen) or None, "the end of the closer look")


# Export, keys, and the thread behind it all


@pytest.mark.parametrize(("view", "files"), [("latent", 2), ("compare-curves", 2), ("compare-latent", 4)])
async def test_what_is_shown_is_written_to_files(
    open_app: MakeApp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, view: str, files: int
) -> None:
    monkeypatch.chdir(tmp_path)
    app = open_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, *VIEWS[view])
        for times in (1, 2):
            await pilot.press("e")
            await until(pilot, lambda times=times: len(app.exported) == times * files, "the files")
    assert len(set(app.exported)) == 2 * files
    assert all(path.parent == tmp_path for path in app.exported)
    for path in app.exported:
        if path.suffix == ".png":
            with Image.open(path) as picture:
                assert picture.size[0] > 500
        else:
            with path.open(newline="") as file:
                assert len(list(csv.DictReader(file))) > 100


@pytest.mark.parametrize("view", ["reconstruct", "closeup", "sample", "traversal", "compare-digits", "compare-samples"])
async def test_pictures_are_written_to_a_file(
    open_app: MakeApp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, view: str
) -> None:
    monkeypatch.chdir(tmp_path)
    app = open_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, *VIEWS[view], "e")
        await until(pilot, lambda: app.exported, "the file")
    (path,) = app.exported
    assert path.name.startswith("vae-mnist-")
    with Image.open(path) as picture:
        assert np.asarray(picture).max() > 200


async def test_a_folder_that_cannot_be_written_is_said(
    open_app: MakeApp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    app = open_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "4", "e")
        await until(pilot, lambda: list(app._notifications), "the word")
        (note,) = app._notifications
        assert note.severity == "error"
        assert app.exported == []


@pytest.mark.parametrize("view", VIEWS)
async def test_every_key_of_a_view_is_listed_with_what_it_does(open_app: MakeApp, view: str) -> None:
    app = open_app()
    async with app.run_test(size=(80, 60)) as pilot:
        await press(pilot, *VIEWS[view])
        shown = [active.binding for active in app.screen.active_bindings.values() if active.binding.show]
        assert all(binding.tooltip for binding in shown if binding.key != "ctrl+q")
        await pilot.press("question_mark")
        assert isinstance(app.screen, Keys)
        await pilot.pause()
        text = screen_text(app)
        for binding in shown:
            assert not binding.tooltip or binding.tooltip[:30] in text


def test_of_one_kind_only_the_newest_question_is_answered() -> None:
    gate, done, crashes = threading.Event(), threading.Event(), []
    queue = LatestTaskQueue(crashes.append)
    heard: list[str] = []
    queue.submit("slow", lambda: gate.wait(10))
    for number in range(5):
        queue.submit("page", lambda number=number: heard.append(f"page {number}"))
        queue.submit("pair", lambda number=number: heard.append(f"pair {number}"))
    queue.submit("end", done.set)
    assert queue.busy
    gate.set()
    assert done.wait(10)
    assert heard == ["page 4", "pair 4"]
    queue.close()
    queue.submit("page", lambda: heard.append("too late"))
    assert not crashes


async def test_a_bug_in_an_answer_ends_the_app(open_app: MakeApp, explorers: FakeExplorers) -> None:
    explorer_of(explorers).fail = ZeroDivisionError("a bug")
    app = open_app()
    with pytest.raises(ZeroDivisionError, match="a bug"):
        async with app.run_test() as pilot:
            await pilot.press("4")
            for _ in range(100):
                await pilot.pause(0.05)
