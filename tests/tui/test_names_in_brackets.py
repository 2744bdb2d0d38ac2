"""What stands in brackets, as in the name of a run, a class or a folder, is no markup: it is shown as it is."""

from __future__ import annotations

import ast
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from textual.widgets import Select

from core.data.registry import SetOnDisk
from core.evaluation import kept
from core.evaluation.kept import KeptEvaluation
from core.evaluation.results import Evaluation
from core.explorer.results import EvaluationResult
from core.jobs.queue.starting import waiting_runs
from core.jobs.queue.waiting import enqueue
from core.runs.choosing.outcome import find_outcome
from core.runs.config import make_config
from core.runs.run import Run
from core.runs.status import State
from tests.conftest import CHECKPOINTS
from tests.support.explorers import FakeEvaluator, FakeExplorers, make_evaluation, with_classes
from tests.support.queues import see_only
from tests.support.readers import HandFed
from tests.support.screens import MakeApp, make_real_app, press, screen_text, settle, shown, until
from tests.support.snapshots import make_snapshot, make_summary
from tui.app import VaeTui
from tui.commands import manage, printing
from tui.commands.training import outcome, queue
from tui.messages import Snapshot
from tui.screens.compare.screen import CompareScreen
from tui.screens.runs.new_run import NewRun

ROOT = Path(__file__).parents[2]
NAME, VERSION, CLASS, FOLDER = "vae[old]", "2.1 [/cuda]", "[/n] tench", Path("/data/[/old]")
SAMPLER = "prior [/x]"


def named(evaluation: Evaluation) -> Evaluation:
    """With classes whose names are markup."""
    found = with_classes(evaluation, 3)
    return replace(found, classes=tuple(replace(each, name=CLASS) for each in found.classes))


@pytest.fixture
def app(make_app: MakeApp, tmp_path: Path) -> VaeTui:
    """Two runs that were measured."""
    runs = [Run(tmp_path / NAME), Run(tmp_path / "vae [|b]")]
    for run in runs:
        run.path.mkdir()
        evaluation = replace(make_evaluation(), sampler=SAMPLER)
        kept.keep(run.evaluation_path, KeptEvaluation(weights="a", mark="b", epoch=7, evaluation=evaluation))

    def snapshot_of(run: Run) -> Snapshot:
        config = make_config(preset="vae").model_copy(update={"versions": {"torch": VERSION, "[/b]": "1"}})
        return make_snapshot(replace(make_summary(config=config), run=run))

    evaluator = FakeEvaluator()
    evaluator.kept = [EvaluationResult(named(make_evaluation()), 1, 12, "")]
    explorers = FakeExplorers()
    explorers.evaluator = evaluator
    return make_app(
        snapshot=snapshot_of(runs[0]),
        explorer=explorers.of,
        snapshots=lambda run: HandFed(snapshot_of(run)),
        other_runs=lambda run: [each for each in runs if each != run],
    )


def is_seen(app: VaeTui, words: str) -> bool:
    return words in screen_text(app)


async def test_screens_show_it(app: VaeTui) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "6")
        compare = shown(app, CompareScreen)
        for _ in range(8):
            await press(pilot, "v")
            if compare.view.title in ("settings", "evaluation"):
                await until(pilot, lambda: SAMPLER in screen_text(app) or VERSION in screen_text(app), "the table")
                assert screen_text(app).count(NAME) > 1, "in the bar and over its column"
        await press(pilot, "enter")
        assert "vae [|b]" in screen_text(app)
        await press(pilot, "escape", "7", "v")
        assert f"0 {CLASS}" in screen_text(app)
        await press(pilot, "v")
        assert f"0 {CLASS}" in screen_text(app)


async def test_dialogs_show_it(runs_dir: Path) -> None:
    shutil.copytree(CHECKPOINTS / "vae-mnist", runs_dir / NAME)
    Run(runs_dir / NAME).log_path.write_text("[/x] began\n")
    app = make_real_app(runs_dir)
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        for keys, words in (
            ("!", f"train.log of {NAME}"),
            ("T", f"notes on {NAME}"),
            ("F", f"fork of {NAME}"),
            (["ctrl+p", *"old"], f"open {NAME}"),
        ):
            await press(pilot, *keys)
            await until(pilot, partial(is_seen, app, words), words)
            await press(pilot, "escape")
        await press(pilot, "n")
        shown(app, NewRun).query_one("#preset", Select).value = "prior"
        await until(pilot, lambda: "as of vae[old], is not" in screen_text(app), "what is known of the images")
        (line,) = (line for line in screen_text(app).splitlines() if "first stage  " in line)
        assert NAME in line


def test_commands_print_it(
    make_run: Callable[..., Run],
    runs_dir: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    see_only(tmp_path, monkeypatch)
    waits = make_run("waits")
    config = waits.config().model_copy(update={"sweep": "try[a]"})
    members = [
        replace(make_summary(f"{NAME}{beta}", State.FINISHED), config=config.model_copy(update={"beta": beta}))
        for beta in (0.5, 1.0)
    ]

    def printed() -> str:
        return capsys.readouterr().out

    printing.print_evaluation(waits, named(make_evaluation()))
    assert printed().count(f"0 {CLASS}") == 2
    manage.print_sets([SetOnDisk("mnist", on_disk=True, folder=FOLDER, title="digits")], FOLDER)
    assert str(FOLDER) in printed()
    manage.print_runs(members, runs_dir)
    assert NAME in printed()
    outcome._print_all([find_outcome(members, "try[a]")], None, as_json=False)
    assert "try[a]" in printed()
    outcome._print(find_outcome(members, "try[a]"), "val_loss")
    assert f"{NAME}1.0" in printed()
    enqueue(waits)
    (waiting,) = waiting_runs(runs_dir)
    queue._print([replace(waiting, run=Run(waits.path.rename(runs_dir / NAME)))])
    assert NAME in printed()


# What cannot be forgotten


def calls(*names: str) -> Iterator[tuple[str, ast.Call]]:
    """Where something of these names is called, and how."""
    for path in sorted((ROOT / "tui").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
                if name in names:
                    yield f"{path.relative_to(ROOT)}:{node.lineno}", node


def is_literal(node: ast.expr) -> bool:
    """Whether these words stand in the code."""
    if isinstance(node, ast.IfExp):
        return is_literal(node.body) and is_literal(node.orelse)
    return isinstance(node, ast.Constant) or (isinstance(node, ast.Name) and node.id.isupper())


def test_words_that_are_not_ours_are_never_markup() -> None:
    """Of Textual's labels and notices, which take markup unless they are told not to."""
    found = []
    for place, call in calls("Label", "Static", "notify"):
        given = {each.arg for each in call.keywords}
        is_ours = bool(call.args) and is_literal(call.args[0]) and "id" not in given  # else it is updated
        if (call.args or given) and not is_ours and "markup" not in given:
            found.append(place)
    assert found == []


def test_titles_are_words_of_ours_or_text() -> None:
    found = []
    for path in sorted((ROOT / "tui").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]).endswith(
                ("border_title", "border_subtitle")
            ):
                is_text = isinstance(node.value, ast.Call) and ast.unparse(node.value.func) == "Text"
                if not is_literal(node.value) and not is_text:
                    found.append(f"{path.relative_to(ROOT)}:{node.lineno}")
    assert found == []


def test_tables_are_plain() -> None:
    paths = [path for path in sorted((ROOT / "tui").rglob("*.py")) if path != ROOT / "tui" / "tables.py"]
    importing = [
        str(path.relative_to(ROOT))
        for path in paths
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.ImportFrom) and node.module == "rich.table"
    ]
    assert importing == []
