"""What a run will cost is told before it starts, by the form as settings are typed, and by a dry run."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from textual.widgets import Input, Label

from core.errors import RunError
from core.jobs import launch
from core.jobs.cost import Pace, Paces, pace_file
from core.runs.architecture.presets import PRESETS
from core.runs.architecture.sizes import Sizes
from core.runs.run import Run
from core.runs.status import State, Status
from tests.support.screens import MakeApp, screen_text, until
from tui.command_line import run
from tui.screens.runs.form.settings import SettingsForm


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


def know(pace: Pace) -> None:
    """Have this be how fast this machine trained the last time."""
    pace_file().parent.mkdir(parents=True)
    pace_file().write_text(Paces({f"{socket.gethostname()} vae cpu": pace}).model_dump_json())


async def test_the_form_tells_it_as_settings_are_typed(
    make_app: MakeApp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launch, "training_here", lambda: 2)
    know(Pace(images_per_second=2500, memory=7 * 10**8))
    app = make_app(runs=[])
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("n")
        form = app.screen.query_one(SettingsForm)
        await until(pilot, lambda: "2 runs train on this machine already" in str(form.border_subtitle), "the count")
        assert "700 MB of memory" in str(form.border_subtitle)
        before = str(form.border_subtitle)
        app.screen.query_one("#epochs", Input).value = "4000"
        await until(pilot, lambda: str(form.border_subtitle) != before, "another cost")
        assert "; about 1 h 46 m, " in str(form.border_subtitle)
        assert str(form.border_subtitle).startswith("53,037 parameters; ")
        app.screen.query_one("#features", Input).value = "8,16,32,32,32"
        app.screen.query_one("#latent_channels", Input).value = "2"
        count = PRESETS["vae"].count(Sizes((8, 16, 32, 32, 32), 2))
        wanted = f"{count:,} parameters, no compiled step on a CPU: slower"
        await until(pilot, lambda: str(form.border_subtitle).startswith(f"{count:,} parameters, slower; "), "another")
        assert "; time and memory unknown yet, " in str(form.border_subtitle)  # no such model was trained here
        hint = str(app.screen.query_one("#message-latent_channels", Label).content)
        assert hint == f"a latent of 2x1x1 = 2 numbers, {wanted}"
        app.screen.query_one("#epochs", Input).value = "many"
        alone = f"{wanted}; 2 runs train on this machine already"
        await until(pilot, lambda: str(form.border_subtitle) == alone, "no cost, and the model as it is")
        assert "Of pixels" in str(app.screen.query_one("#message-likelihood", Label).content)


async def test_all_that_it_will_cost_is_seen_in_a_small_window(make_app: MakeApp) -> None:
    app = make_app(runs=[])
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("n")
        app.screen.query_one("#features", Input).value = "8,16,32,32,32"
        said = "slower; time and memory unknown yet, 11 MB on disk ─"
        await until(pilot, lambda: f" parameters, {said}" in screen_text(app), "it in brief")
        await pilot.resize_terminal(120, 40)
        await until(pilot, lambda: f" parameters, no compiled step on a CPU: {said}" in screen_text(app), "all of it")


async def test_the_line_below_all_follows_sizes_as_they_are_typed(make_app: MakeApp) -> None:
    app = make_app(runs=[])
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("n", "ctrl+o")
        app.screen.query_one("#snapshots", Input).value = "2"  # which is wrong, and says nothing of sizes
        app.screen.query_one("#latent_channels", Input).focus()
        await pilot.pause()
        app.screen.query_one("#latent_channels", Input).value = "8"
        form = app.screen.query_one(SettingsForm)
        await until(pilot, lambda: "8x4x4 = 128 numbers" in form.detail, "the size in the line below")


async def test_a_key_changes_only_what_it_changes_in_the_form(
    make_app: MakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = make_app(runs=[])
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("n")
        app.screen.query_one("#name", Input).focus()
        await pilot.pause()
        updated: list[str | None] = []
        usual = Label.update

        def update(label: Label, *arguments: Any, **options: Any) -> None:
            updated.append(label.id)
            usual(label, *arguments, **options)

        monkeypatch.setattr(Label, "update", update)
        await pilot.press("x")
        assert updated == []


def test_a_dry_run_tells_it_and_makes_no_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    know(Pace(images_per_second=2500, memory=7 * 10**8))
    words = ["train", "--dry-run", "--dataset", "mnist-5k", "--epochs", "10", "--runs-dir", str(tmp_path / "none")]
    with pytest.raises(SystemExit) as ended:
        run(words)
    assert not ended.value.code
    first, second, *_ = capsys.readouterr().out.splitlines()
    assert first == "vae on mnist-5k, 10 epochs, 53,037 parameters"
    assert second == "about 16 s, 8 MB on disk, 700 MB of memory"
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    ("settings", "slower"),
    [
        (["--features", "8,16,32,64"], "none for its sizes"),
        (["--clip-norm", "1"], "gradients are clipped"),
        (["--processes", "2"], "processes share its batches"),
        (["--features", "16,32"], ""),
        (["--features", "8,16,32,64", "--device", "cuda"], ""),
    ],
)
def test_a_dry_run_tells_where_no_compiled_step_is(
    capsys: pytest.CaptureFixture[str], settings: list[str], slower: str
) -> None:
    with pytest.raises(SystemExit):
        run(["train", "--dry-run", "--dataset", "mnist-5k", *settings])
    first, *_ = capsys.readouterr().out.splitlines()
    assert first.partition(" parameters")[2] == (f", no compiled step on a CPU: slower ({slower})" if slower else "")


def test_a_run_that_is_refused_is_told_nothing_of_others(
    make_run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(launch, "training_here", lambda: 3)
    done = make_run(epochs=2)
    done.write_state(b"what only its trainer reads")
    done.write_status(Status(state=State.FINISHED, epoch=2, epochs=2))
    with pytest.raises(RunError, match="has done 2 epochs"):
        run(["resume", done.name, "--runs-dir", str(done.path.parent)])
    assert capsys.readouterr().out == ""
