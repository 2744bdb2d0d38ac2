"""The form of a new run on images of a user's own: their path is typed, and what is wrong with them is said."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from textual.widgets import Input, Select

from core.jobs import launch
from core.runs.run import Run
from tests.support.screens import MakeApp, screen_text, until
from tests.tui.screens.runs.test_new_run import settle
from tui.screens.runs.form.settings import SettingsForm


async def test_the_path_of_images_of_ones_own_is_typed(
    make_app: MakeApp, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    started: list[Run] = []

    class Started:
        def wait_until_started(self, told_to_stop: Callable[[], bool]) -> None:
            pass

    def start(run: Run, **options: object) -> Started:
        started.append(run)
        return Started()

    monkeypatch.setattr(launch, "start", start)
    place = tmp_path / "my pictures"
    place.mkdir()
    for number in range(12):
        Image.new("L", (40, 30), 20 * number).save(place / f"{number}.png")
    (place / "half.png").write_bytes((place / "1.png").read_bytes()[:40])
    app = make_app(runs=[])
    app.shared.folder = tmp_path  # where it was started
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("n")
        app.screen.query_one("#dataset", Select).value = "folder:PATH"
        await settle(pilot)
        app.screen.query_one("#path", Input).value = f"{place} or not"
        await pilot.press("ctrl+s")
        await settle(pilot)
        assert app.focused is app.screen.query_one("#path")
        assert "there is no folder" in screen_text(app)
        app.screen.query_one("#path", Input).value = "a" * 300  # no file system has such a name
        await settle(pilot)
        await pilot.press("ctrl+s")
        await settle(pilot)
        assert app.focused is app.screen.query_one("#path")
        app.screen.query_one("#path", Input).value = "my pictures"
        app.screen.query_one("#fit", Select).value = "squeeze"
        await settle(pilot)
        await pilot.press("ctrl+s")
        await until(pilot, lambda: "cannot be decoded" in screen_text(app), "what is wrong with a picture")
        app.screen.query_one("#damaged", Select).value = "skip"
        for name, value in (("features", "8,8,8,8,8"), ("latent_channels", "2"), ("batch_size", "9")):
            app.screen.query_one(f"#{name}", Input).value = value
        await settle(pilot)
        await pilot.press("ctrl+s")
        await until(pilot, lambda: app.focused is app.screen.query_one("#batch_size"), "what is wrong with the batches")
        assert "9, which leaves a last batch of 1 of 10 images" in app.screen.query_one(SettingsForm).detail
        app.screen.query_one("#batch_size", Input).value = "10"
        await settle(pilot)
        await pilot.press("ctrl+s")
        await until(pilot, lambda: started, "the run")
        (note,) = app._notifications
        assert "1 of the 13 pictures cannot be decoded and is left out: half.png" in note.message
    config = started[0].config()
    assert (config.dataset, config.data_dir) == ("folder", str(place))
    assert (config.fit, config.damaged) == ("squeeze", "skip")
