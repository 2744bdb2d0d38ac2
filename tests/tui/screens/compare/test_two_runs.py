"""Screen 6: two runs, view by view."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from threading import Event, get_ident

from core.latents.options import ProjectionOptions
from core.runs.config import make_config
from core.runs.forks.origin import ForkedFrom
from core.runs.run import Run
from tests.support.explorers import FakeExplorers
from tests.support.readers import HandFed
from tests.support.screens import MakeApp, answered, press, screen_text, until
from tests.support.snapshots import OTHER, RUN, make_snapshot, make_summary, snapshot_of
from tui.app import VaeTui
from tui.screens.compare.screen import CompareScreen
from tui.screens.compare.settings import settings
from tui.screens.dialogs import ChooseRun
from tui.screens.sources import real_sources
from tui.widgets.scatter import Scatter


async def test_without_another_run_there_is_nothing_to_compare_with(
    make_app: MakeApp, explorers: FakeExplorers
) -> None:
    app = make_app(snapshot=make_snapshot(), explorer=explorers.of)
    async with app.run_test() as pilot:
        await press(pilot, "6", "v")
        assert "there is no other run to compare with; n starts one" in screen_text(app)


async def test_with_less_room_the_hint_of_a_heading_goes_then_names_that_are_seen_below(run_app: VaeTui) -> None:
    async with run_app.run_test(size=(120, 24)) as pilot:
        await press(pilot, "6")
        facts = "curves: faint training (smoothed 0.9), marked validation"
        assert f"vae-mnist and ae-mnist  {facts}   v shows more" in screen_text(run_app)
        await pilot.resize_terminal(90, 24)
        await until(pilot, lambda: "v shows" not in screen_text(run_app), "no hint")
        assert f"vae-mnist and ae-mnist  {facts}" in screen_text(run_app)
        await pilot.resize_terminal(80, 24)
        await until(pilot, lambda: f" 2 runs  {facts}" in screen_text(run_app), "fewer words")


async def test_two_runs_are_compared_view_by_view(run_app: VaeTui, explorers: FakeExplorers) -> None:
    explorers[OTHER].faintness = 0.25
    async with run_app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "6")
        screen = run_app.screen
        assert isinstance(screen, CompareScreen)
        assert "vae-mnist and ae-mnist" in screen_text(run_app)
        assert "marked validation" in screen_text(run_app)
        assert all(explorer.asked == [] for explorer in explorers.values())  # curves need no model
        await press(pilot, "z")  # a key of another view
        await press(pilot, "v")
        left, right = explorers[RUN], explorers[OTHER]
        assert left.asked[-1][:2] == ("page", 0)
        assert right.asked[-1][0] == "reconstruct"
        await press(pilot, "pagedown")
        assert left.asked[-1][1] > 0
        await press(pilot, "v")
        assert left.asked[-1] == ("samples", "prior", 20, 0, 1.0)
        assert right.asked[-1] == ("samples", "gaussian", 20, 0, 1.0)
        await press(pilot, "z", "z", ">")
        assert left.asked[-1] == right.asked[-1] == ("samples", "gaussian", 20, 1, 1.0)
        await press(pilot, "v", "o")
        assert left.asked[-1] == right.asked[-1]
        assert left.asked.count(("projection", ProjectionOptions("pca"))) == 1
        one, two = screen.query(Scatter)
        assert one.view == two.view
        await press(pilot, "v")
        assert "≠  preset" in screen_text(run_app)
        assert "5 of" in screen_text(run_app)


async def test_another_run_is_chosen_and_sides_are_swapped(make_app: MakeApp, explorers: FakeExplorers) -> None:
    third = Run(Path("checkpoints") / "third")
    app = make_app(
        snapshot=make_snapshot(),
        explorer=explorers.of,
        snapshots=lambda run: HandFed(snapshot_of(run)),
        other_runs=lambda run: [other for other in (OTHER, third, RUN) if other != run],
    )
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "6", "v", "enter")
        assert isinstance(app.screen, ChooseRun)
        await press(pilot, "down", "enter")
        assert "vae-mnist and third" in screen_text(app)
        await press(pilot, "tilde")
        assert "third and vae-mnist" in screen_text(app)
        assert app.selected_run == RUN


async def test_no_key_waits_until_all_runs_are_read_and_beside_a_marked_run_none_is(
    make_app: MakeApp, explorers: FakeExplorers
) -> None:
    third, gate, reads = Run(Path("checkpoints") / "third"), Event(), list[tuple[Run, int]]()

    def read_slowly(run: Run) -> list[Run]:
        reads.append((run, get_ident()))
        assert gate.wait(10)
        return [other for other in (OTHER, third, RUN) if other != run]

    app = make_app(
        explorer=explorers.of, snapshots=lambda run: HandFed(snapshot_of(run)), other_runs=read_slowly, runs=[]
    )
    async with app.run_test(size=(120, 40)) as pilot:
        app.selected_run = RUN
        await pilot.press("6", "v")
        assert "opening the runs" in screen_text(app)
        app.selected_run = third
        await pilot.press("v")
        gate.set()
        await answered(pilot)
        assert "third and ae-mnist" in screen_text(app)
        app.shared.mark([OTHER], True)
        app.selected_run = RUN
        await answered(pilot)
        assert "vae-mnist and ae-mnist" in screen_text(app)
    assert [run for run, _ in reads] == [RUN, third]
    assert get_ident() not in {thread for _, thread in reads}


async def test_pictures_show_the_first_two_that_are_marked(make_app: MakeApp, explorers: FakeExplorers) -> None:
    third = Run(Path("checkpoints") / "third")
    app = make_app(snapshot=make_snapshot(), explorer=explorers.of, snapshots=lambda run: HandFed(snapshot_of(run)))
    async with app.run_test(size=(120, 40)) as pilot:
        app.shared.mark([OTHER, third, RUN], True)
        app.selected_run = RUN
        await press(pilot, "6", "v")
        assert "ae-mnist and third" in screen_text(app)


def test_what_can_be_compared_best_comes_first(runs_dir: Path, make_run: Callable[..., Run]) -> None:
    names = {"one": "vae", "a-prior": "prior", "alike": "vae", "another": "ae", "newest-prior": "prior"}
    made = {name: make_run(name, preset=preset) for name, preset in names.items()}
    other_runs = real_sources(runs_dir, runs_dir).other_runs
    assert [run.name for run in other_runs(made["one"])] == ["alike", "another", "newest-prior", "a-prior"]
    assert [run.name for run in other_runs(made["a-prior"])] == ["newest-prior", "another", "alike", "one"]
    began = ForkedFrom(run="one", step=1, epoch=0.1)
    fork = Run.create(runs_dir, "fork", made["one"].config().model_copy(update={"forked_from": began}))
    make_run("newest", preset="vae")
    assert [run.name for run in other_runs(made["one"])][:3] == ["fork", "newest", "alike"]
    assert next(iter(other_runs(fork))).name == "one"
    (made["another"].path / "model.safetensors").write_bytes(b"weights")
    assert [run.name for run in other_runs(made["one"])][:3] == ["fork", "another", "newest"]


def test_the_settings_of_two_runs_say_what_their_sizes_come_to() -> None:
    small = make_config(preset="vae", features="8,16,32,32,32", latent_channels=2)
    rows = {row.name: row for row in settings(make_summary(config=small), make_summary(preset="vae"))}
    assert (rows["latent size"].left, rows["latent size"].right) == ("2x1x1 = 2 numbers", "4x4x4 = 64 numbers")
    assert (rows["parameters"].left, rows["parameters"].right) == ("143,807", "53,037")
