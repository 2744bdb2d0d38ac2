"""Every screen that looks into a run: how it looks, what it explains, what its keys and files are."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from syrupy.assertion import SnapshotAssertion

from core.errors import DamagedFile, DataError, RunError
from tests.support.explorers import FakeExplorers
from tests.support.readers import Readers
from tests.support.screens import MakeApp, answered, feed, press, screen_text, shown, until
from tests.support.snapshots import RUN, make_run_update
from tui.app import VaeTui
from tui.messages import RunUpdate
from tui.screens.help.keys import Keys
from tui.widgets.scatter import Scatter

SIZES = [(80, 24), (120, 40)]


# What is pressed after the screen's own key.
VIEWS = {
    "reconstruct": ["3"],
    "closeup": ["3", "right", "enter"],
    "sketch": ["3", "b", "space", "down", "down", "down", "down", "down", "down"],
    "completion": ["3", "b", "space", "down", "down", "down", "down", "c", "enter"],
    "sample": ["4"],
    "traversal": ["4", "right", "t"],
    "interpolation": ["4", "space", "right", "t"],
    "latent": ["5"],
    "compare-curves": ["6"],
    "compare-digits": ["6", "v"],
    "compare-samples": ["6", "v", "v"],
    "compare-latent": ["6", "v", "v", "v"],
    "compare-settings": ["6", "v", "v", "v", "v"],
    "evaluate": ["7", "enter"],
}


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("view", VIEWS)
async def test_every_view_at_two_sizes(
    run_app: VaeTui, snapshot: SnapshotAssertion, view: str, size: tuple[int, int]
) -> None:
    async with run_app.run_test(size=size) as pilot:
        await press(pilot, *VIEWS[view])
        shown = screen_text(run_app)
        assert "waiting for" not in shown
        assert all(len(line) <= size[0] for line in shown.splitlines())
        assert "q quit" in shown.splitlines()[-1]
        assert shown == snapshot


@pytest.mark.slow
async def test_every_view_survives_any_size(run_app: VaeTui) -> None:
    async with run_app.run_test(size=(80, 24)) as pilot:
        for keys in VIEWS.values():
            await press(pilot, *keys)
            for size in ((40, 12), (20, 5), (1, 1), (300, 100), (80, 24)):
                await pilot.resize_terminal(*size)
                await answered(pilot)
            await press(pilot, "escape")


@pytest.fixture
def environment(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Variables of the terminal, which an app reads when it is made."""
    variables: dict[str, str] = request.param
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return variables


@pytest.mark.parametrize(
    ("environment", "signs", "colored"),
    [
        ({"COLORTERM": "truecolor"}, "▀", True),
        ({"TERM": "xterm-256color"}, "▀", True),
        ({"TERM": "xterm"}, "█", False),
        ({"NO_COLOR": "1"}, "█", False),
        ({"TERM": "dumb"}, "@", False),
    ],
    indirect=["environment"],
)
async def test_pictures_and_points_at_every_colour_depth(
    environment: dict[str, str], run_app: VaeTui, signs: str, colored: bool
) -> None:
    async with run_app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "4")
        assert signs in screen_text(run_app)
        assert ("█" in screen_text(run_app)) == (signs == "█")
        await press(pilot, "5")
        lines = run_app.screen.query_one(Scatter)._strips[2:-3]
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
    run_app: VaeTui, explorers: FakeExplorers, key: str, trouble: Exception, message: str, updates: Readers[RunUpdate]
) -> None:
    explorers[RUN].fail = trouble
    async with run_app.run_test(size=(120, 40)) as pilot:
        await press(pilot, key, *(["v"] if key == "6" else []))
        assert message in screen_text(run_app)
        explorers[RUN].fail = None
        await feed(pilot, updates.last, make_run_update(weights_version=2))
        assert message not in screen_text(run_app)


async def test_without_a_run_the_screens_say_what_to_do(make_app: MakeApp) -> None:
    app = make_app(runs=[])
    async with app.run_test() as pilot:
        for key in "34567":
            await pilot.press(key)
            await pilot.pause(0.1)
            assert "no run is chosen" in screen_text(app)


@pytest.mark.parametrize(("view", "files"), [("latent", 2), ("compare-curves", 2), ("compare-latent", 4)])
async def test_what_is_shown_is_written_to_files(
    run_app: VaeTui, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, view: str, files: int
) -> None:
    monkeypatch.chdir(tmp_path)
    async with run_app.run_test(size=(120, 40)) as pilot:
        await press(pilot, *VIEWS[view])
        await pilot.press("e")
        await until(pilot, lambda: len(run_app.exported) == files, "the files")
        await pilot.press("e")
        await until(pilot, lambda: len(run_app.exported) == 2 * files, "the files again")
    assert len(set(run_app.exported)) == 2 * files
    assert all(path.parent == tmp_path for path in run_app.exported)
    for path in run_app.exported:
        if path.suffix == ".png":
            with Image.open(path) as picture:
                assert picture.size[0] > 500
        else:
            with path.open(newline="") as file:
                assert len(list(csv.DictReader(file))) > 100


@pytest.mark.parametrize("view", ["reconstruct", "closeup", "sample", "traversal", "compare-digits", "compare-samples"])
async def test_pictures_are_written_to_a_file(
    run_app: VaeTui, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, view: str
) -> None:
    monkeypatch.chdir(tmp_path)
    async with run_app.run_test(size=(120, 40)) as pilot:
        await press(pilot, *VIEWS[view], "e")
        await until(pilot, lambda: run_app.exported, "the file")
    (path,) = run_app.exported
    assert path.name.startswith("vae-mnist-")
    with Image.open(path) as picture:
        assert np.asarray(picture).max() > 200


async def test_a_folder_that_cannot_be_written_is_said(
    run_app: VaeTui, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    async with run_app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "4", "e")
        await until(pilot, lambda: list(run_app._notifications), "the word")
        (note,) = run_app._notifications
        assert note.severity == "error"
        assert run_app.exported == []


@pytest.mark.parametrize("view", VIEWS)
async def test_every_key_of_a_view_is_listed_with_what_it_does(run_app: VaeTui, view: str) -> None:
    async with run_app.run_test(size=(80, 60)) as pilot:
        await press(pilot, *VIEWS[view])
        shown = [active.binding for active in run_app.screen.active_bindings.values() if active.binding.show]
        assert all(binding.tooltip for binding in shown if binding.key != "ctrl+q")
        await pilot.press("question_mark")
        assert isinstance(run_app.screen, Keys)
        await pilot.pause()
        text = screen_text(run_app)
        for binding in shown:
            assert not binding.tooltip or binding.tooltip[:30] in text


@pytest.mark.parametrize("opened", [("3",), ("3", "enter"), ("4",), ("4", "t"), ("5",), ("6",), ("7",)])
async def test_a_key_is_listed_once(app: VaeTui, opened: tuple[str, ...]) -> None:
    async with app.run_test(size=(80, 60)) as pilot:
        for key in opened:
            await press(pilot, key)
        await pilot.press("question_mark")
        await pilot.pause()
        sections = shown(app, Keys).sections
        keys = [app.get_key_display(binding) for _, bindings in sections for binding in bindings]
        assert {"e", "n", "?", "q", "6"} < set(keys)
        assert len(set(keys)) == len(keys), keys
