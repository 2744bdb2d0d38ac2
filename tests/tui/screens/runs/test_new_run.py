"""The form of a new run: every setting of the command line, explained, checked as it is typed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion
from textual.pilot import Pilot
from textual.widgets import Input, Label, OptionList, Select

from core.data import download, registry
from core.errors import DataError
from core.jobs import launch
from core.runs.architecture.presets import PRESETS
from core.runs.config import OF_OWN, make_config
from core.runs.first_stage import first_stage_settings
from core.runs.run import Run
from core.runs.settings import SETTINGS
from tests.conftest import make_trained_run
from tests.support.screens import MakeApp, burst, screen_text, until
from tui.app import VaeTui
from tui.screens.runs.list import RunsScreen
from tui.screens.runs.new_run import NewRun
from tui.screens.runs.training import TrainingScreen

SIZES = [(80, 24), (120, 40)]


async def settle(pilot: Pilot[None]) -> None:
    """Let messages and the drawing come through."""
    for _ in range(4):
        await pilot.pause(0.05)


@pytest.mark.parametrize("size", SIZES)
async def test_new_run_form(make_app: MakeApp, snapshot: SnapshotAssertion, size: tuple[int, int]) -> None:
    app = make_app(runs=[])
    async with app.run_test(size=size) as pilot:
        await pilot.press("n")
        await settle(pilot)
        assert screen_text(app) == snapshot


@pytest.mark.parametrize("size", SIZES)
async def test_the_settings_that_few_runs_need_are_one_key_away(
    make_app: MakeApp, snapshot: SnapshotAssertion, size: tuple[int, int]
) -> None:
    app = make_app(runs=[])
    async with app.run_test(size=size) as pilot:
        await pilot.press("n", "ctrl+o")
        await settle(pilot)
        assert app.focused is app.screen.query_one("#schedule")
        assert screen_text(app) == snapshot


@pytest.mark.parametrize("preset", PRESETS)
async def test_the_form_has_every_setting_of_the_command_line_that_applies(make_app: MakeApp, preset: str) -> None:
    app = make_app(runs=[])
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("n")
        app.screen.query_one("#preset", Select).value = preset
        await settle(pilot)
        applying = {name for name, setting in SETTINGS.items() if setting.applies(PRESETS[preset])}
        for images, others in (("mnist-5k", {*OF_OWN}), ("folder:PATH", set[str]())):
            app.screen.query_one("#dataset", Select).value = images
            await settle(pilot)
            shown = {name for name in SETTINGS if app.screen.query_one(f"#row-{name}").display}
            assert shown == applying - others


@pytest.mark.slow
async def test_the_cursor_reaches_and_explains_every_setting_in_a_small_window(make_app: MakeApp) -> None:
    app = make_app(runs=[])
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("n", "ctrl+o")
        await settle(pilot)
        seen = set()
        for _ in range(2 * len(SETTINGS)):
            await pilot.press("tab")
            await settle(pilot)
            assert app.focused is not None
            if (name := app.focused.id) in SETTINGS:
                seen.add(name)
                explanation = app.screen.query_one("#detail", Label)
                assert app.focused.region.bottom <= explanation.region.y, f"{name} cannot be seen"
                assert explanation.render()
        assert seen == {name for name, setting in SETTINGS.items() if setting.applies(PRESETS["vae"])} - {*OF_OWN}


async def test_defaults_follow_what_they_depend_on_until_something_is_typed(make_app: MakeApp) -> None:
    app = make_app(runs=[])
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("n")
        await settle(pilot)

        def value(name: str) -> str:
            return str(app.screen.query_one(f"#{name}", Input).value)

        assert (value("beta"), value("validate_every")) == ("0.4", "10")
        app.screen.query_one("#decoder_variance", Select).value = "optimal"
        app.screen.query_one("#epochs", Input).value = "5"
        await settle(pilot)
        assert (value("beta"), value("validate_every")) == ("1", "1")
        app.screen.query_one("#beta", Input).value = "0.7"
        app.screen.query_one("#decoder_variance", Select).value = "fixed"
        await settle(pilot)
        assert value("beta") == "0.7"


async def test_a_problem_in_a_setting_that_is_hidden_is_told(make_app: MakeApp) -> None:
    app = make_app(runs=[])
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("n")
        await settle(pilot)
        app.screen.query_one("#holdout", Input).value = "many"
        await settle(pilot)
        assert "more settings: 1 to correct" in screen_text(app)
        await pilot.press("ctrl+s")
        await settle(pilot)
        assert isinstance(app.screen, NewRun)
        assert "holdout must be a whole number, not many" in screen_text(app)


async def test_a_last_batch_that_cannot_be_normalised_is_told_at_the_batch_size(make_app: MakeApp) -> None:
    app = make_app(runs=[])
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("n")
        await settle(pilot)
        for name, value in (("features", "8,16,32,32,32"), ("latent_channels", "2"), ("batch_size", "31")):
            app.screen.query_one(f"#{name}", Input).value = value
        message = app.screen.query_one("#message-batch_size", Label)
        await until(pilot, lambda: "leaves a last batch of 1 of 4,000 images" in str(message.content), "the reason")
        app.screen.query_one("#features", Input).value = "8,16,32,32"
        await until(pilot, lambda: str(message.content) == SETTINGS["batch_size"].help, "no reason any more")


async def test_keys_that_arrive_at_once_keep_their_order_in_the_form(make_app: MakeApp) -> None:
    app = make_app(runs=[])
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("n")
        await settle(pilot)
        await burst(pilot, "tab", "tab", "backspace", "8", "tab", "backspace", "2", "0", "backspace", "1")
        assert app.screen.query_one("#epochs", Input).value == "8"
        assert app.screen.query_one("#learning_rate", Input).value == "21"


@pytest.mark.parametrize("key", ["pageup", "pagedown"])
@pytest.mark.slow
async def test_page_keys_do_no_harm_in_a_list_that_has_no_room(make_app: MakeApp, key: str) -> None:
    app = make_app(runs=[])
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("n")
        await settle(pilot)
        app.screen.query_one("#preset SelectOverlay").styles.height = 0
        await pilot.press("enter")
        await settle(pilot)
        assert isinstance(app.focused, OptionList)
        await pilot.press(key)
        await settle(pilot)
        assert isinstance(app.screen, NewRun)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("epochs", "0", "epochs must be at least 1, not 0"),
        ("epochs", "", "epochs must be a whole number, not ''"),
        ("learning_rate", "nan", "learning rate must be a finite number, not nan"),
        ("device", "tpu", "device must be auto, cpu, cuda, cuda:N or mps, not tpu"),
        ("name", "a/b", "name must consist of letters"),
        ("name", "taken", "taken exists already"),
    ],
)
async def test_a_bad_value_is_explained_beside_its_field_and_starts_nothing(
    make_app: MakeApp, tmp_path: Path, field: str, value: str, message: str
) -> None:
    (tmp_path / "checkpoints" / "taken").mkdir(parents=True)
    app = make_app(runs=[])
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("n")
        await settle(pilot)
        app.screen.query_one(f"#{field}", Input).value = value
        await settle(pilot)
        assert message in str(app.screen.query_one(f"#message-{field}", Label).render())
        await pilot.press("ctrl+s")
        await settle(pilot)
        assert isinstance(app.screen, NewRun)
        assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["taken"]


async def test_a_prior_is_started_over_the_latents_of_a_run_that_has_weights(
    make_app: MakeApp, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class Started:
        def wait_until_started(self, told_to_stop: Callable[[], bool]) -> None:
            """At once."""

    monkeypatch.setattr(launch, "start", lambda run, **_: Started())
    runs_dir = tmp_path / "checkpoints"
    first = make_trained_run(runs_dir, "ae")
    Run.create(runs_dir, "without-weights", make_config(preset="vae"))
    a_prior = make_config(preset="prior", **first_stage_settings(first))
    Run.create(runs_dir, "a-prior", a_prior, first.read_weights()).write_weights(first.read_weights())
    app = make_app(runs=[])
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("n")
        await settle(pilot)
        assert not app.screen.query_one("#row-first_stage").display
        app.screen.query_one("#epochs", Input).value = "7"
        app.screen.query_one("#preset", Select).value = "prior"
        await settle(pilot)
        assert app.screen.query_one("#row-first_stage").display
        assert app.screen.query_one("#first_stage", Select).value == "ae"
        assert app.screen.query_one("#epochs", Input).value == "7"
        assert "mnist-5k, as the first stage" in screen_text(app)
        await pilot.press("ctrl+s")
        await until(pilot, lambda: (runs_dir / "prior-mnist-5k" / "config.json").exists(), "the run")
    run = Run(runs_dir / "prior-mnist-5k")
    config = run.config()
    assert (config.first_stage, config.first_stage_preset, config.epochs) == ("ae", "ae", 7)
    assert config.schedule == "cosine"
    assert run.read_first_stage() == first.read_weights()


async def test_a_prior_without_a_run_to_learn_from_is_not_started(make_app: MakeApp, tmp_path: Path) -> None:
    app = make_app(runs=[])
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("n")
        await settle(pilot)
        app.screen.query_one("#preset", Select).value = "prior"
        await settle(pilot)
        assert app.screen.query_one("#epochs", Input).value == "100"
        assert "no run has weights" in screen_text(app)
        assert "first stage must be the name of a run" in screen_text(app)
        await pilot.press("ctrl+s")
        await settle(pilot)
        assert isinstance(app.screen, NewRun)


@pytest.mark.parametrize("field", ["epochs", "batch_size", "holdout", "name"])
async def test_starting_a_form_with_a_bad_value_goes_to_it_and_says_why(make_app: MakeApp, field: str) -> None:
    app = make_app(runs=[])
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("n")
        await settle(pilot)
        app.screen.query_one(f"#{field}", Input).value = "?!"
        await settle(pilot)
        await pilot.press("ctrl+s")
        await settle(pilot)
        assert app.focused is app.screen.query_one(f"#{field}")
        detail = str(app.screen.query_one("#detail", Label).content)
        assert detail.startswith(f"{field.replace('_', ' ')} must")
        assert "not ?!" in detail
        assert detail[:40] in screen_text(app)


async def test_a_folder_of_runs_that_cannot_be_looked_into_is_told_at_the_name(
    make_app: MakeApp, tmp_path: Path
) -> None:
    app = make_app(runs=[])
    app.runs_dir = tmp_path / ("a" * 300)  # no file system has such a name
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("n")
        await settle(pilot)
        await pilot.press("ctrl+s")
        await settle(pilot)
        assert app.focused is app.screen.query_one("#name")
        assert "File name too long" in str(app.screen.query_one("#detail", Label).content)


async def choose_a_set_to_download(app: VaeTui, pilot: Pilot[None]) -> None:
    await pilot.press("n")
    await settle(pilot)
    app.screen.query_one("#dataset", Select).value = "kmnist"
    await settle(pilot)
    assert "is downloaded to" in str(app.screen.query_one("#message-dataset", Label).render())
    await pilot.press("ctrl+s")
    await settle(pilot)


async def test_a_missing_set_is_downloaded_in_sight_before_the_run_starts(
    make_app: MakeApp, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    arrived = threading.Event()
    checked: list[str] = []
    started: list[Run] = []

    def fetch(name: str, folder: Path, on_progress: Callable[[download.Progress], None]) -> None:
        on_progress(download.Progress("train-images-idx3-ubyte", 0, 4, 3_000_000, 18_000_000))
        arrived.wait(10)

    class Started:
        def wait_until_started(self, told_to_stop: Callable[[], bool]) -> None:
            pass

    def start(run: Run, **options: object) -> Started:
        started.append(run)
        return Started()

    monkeypatch.setattr(download, "download", fetch)

    def look_through(source: registry.ImageSource, most_classes: int) -> registry.SeenImages:
        checked.append(source.name)
        return registry.SeenImages(None, "", 60_000)

    monkeypatch.setattr(registry, "look_through", look_through)
    monkeypatch.setattr(launch, "start", start)
    app = make_app(runs=[])
    async with app.run_test(size=(120, 40)) as pilot:
        await choose_a_set_to_download(app, pilot)
        assert "downloading train-images-idx3-ubyte (1 of 4): 3.0 of 18.0 MB" in screen_text(app)
        assert started == []
        arrived.set()
        await settle(pilot)
        (run,) = started
        assert (checked, run.config().dataset) == (["kmnist"], "kmnist")
        assert isinstance(app.screen, TrainingScreen)


async def test_a_download_that_fails_is_explained_and_the_form_stays(
    make_app: MakeApp, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def fetch(name: str, folder: Path, on_progress: Callable[[download.Progress], None]) -> None:
        raise DataError("cannot download kmnist: no route; mnist-5k needs no download")

    monkeypatch.setattr(download, "download", fetch)
    app = make_app(runs=[])
    async with app.run_test(size=(120, 40)) as pilot:
        await choose_a_set_to_download(app, pilot)
        assert "cannot download kmnist: no route; mnist-5k needs no download" in screen_text(app)
        assert isinstance(app.screen, NewRun)
        assert not (tmp_path / "checkpoints").exists()
        await pilot.press("escape")
        assert isinstance(app.screen, RunsScreen)


async def test_the_suggested_name_follows_the_preset_until_one_is_typed(make_app: MakeApp) -> None:
    app = make_app(runs=[])
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("n")
        await settle(pilot)
        name = app.screen.query_one("#name", Input)
        assert name.value == "vae-mnist-5k"
        app.screen.query_one("#preset").value = "ae"  # type: ignore[attr-defined]
        await settle(pilot)
        assert name.value == "ae-mnist-5k"
        name.value = "mine"
        await settle(pilot)
        app.screen.query_one("#preset").value = "vae"  # type: ignore[attr-defined]
        await settle(pilot)
        assert name.value == "mine"


async def test_a_trainer_is_told_when_the_form_is_closed_before_it_has_begun(
    make_app: MakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, ended = threading.Event(), threading.Event()

    class Started:
        def wait_until_started(self, told_to_stop: Callable[[], bool]) -> None:
            asked.set()
            while not told_to_stop():
                time.sleep(0.01)
            ended.set()
            raise launch.NotBegun("the trainer was ended")

    monkeypatch.setattr(launch, "start", lambda run, **_: Started())
    app = make_app(runs=[])
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("n")
        await settle(pilot)
        await pilot.press("ctrl+s")
        await until(pilot, asked.is_set, "the trainer")
        await pilot.press("escape")
        await until(pilot, ended.is_set, "the end of the trainer")
        await settle(pilot)
        assert "the trainer was ended" not in screen_text(app)


async def test_the_form_says_how_many_runs_train_on_this_machine_already(
    make_app: MakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launch, "training_here", lambda: 2)
    app = make_app(runs=[])
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("n")
        await until(pilot, lambda: "2 runs train on this machine already" in screen_text(app), "the number")
