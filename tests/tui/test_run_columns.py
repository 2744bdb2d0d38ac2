"""A column of the run list is declared once: the screen, the command and the table of a sweep show the same."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.text import Text

from core.runs.catalog import RunSummary
from core.runs.choosing.conditions import parse_condition
from core.runs.choosing.groups import RunGroup
from core.runs.config import RunConfig, defaults
from core.runs.keeping.evaluated import Evaluated
from core.runs.keeping.queued import new_entry
from core.runs.run import Run
from core.runs.status import State, Status
from tests.support.screens import answered
from tests.support.snapshots import make_summary
from tui.app import VaeTui
from tui.commands.manage import print_runs
from tui.run_columns import MORE_COLUMNS, RUN_COLUMNS, group_cell, run_cells
from tui.widgets.row_table import RowTable


def texts(summary: RunSummary) -> list[str]:
    return [cell.plain for cell in run_cells(summary)]


def test_a_run_is_a_row_of_the_list() -> None:
    shown = dict(zip(RUN_COLUMNS, texts(make_summary()), strict=True))
    assert shown == {
        "run": "vae-mnist",
        "preset": "vae",
        "data set": "mnist",
        "state": "▶ running",
        "epoch": "2/10",
        "train": "42.12",
        "val": "40.50",
        "best": "–",
        "age": "3 h",
    }


def test_what_is_not_known_of_a_run_is_a_dash() -> None:
    assert texts(RunSummary(Run(Path("runs/odd")), damage="no config")) == ["odd", "–", "–", "! damaged", *5 * ["–"]]
    assert texts(RunSummary(Run(Path("runs/odd\x1b")), state=State.CREATED))[0].isprintable()


async def test_the_screen_and_the_command_show_a_new_column(
    make_app: Callable[..., VaeTui], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(RUN_COLUMNS, "number", lambda run: Text("no. 7"))
    print_runs([make_summary()], Path("runs"))
    header, row = capsys.readouterr().out.splitlines()
    assert header.split()[-1] == "number"
    assert row.rstrip().endswith("no. 7")
    async with make_app(runs=[make_summary()]).run_test(size=(120, 40)) as pilot:
        await answered(pilot)
        await pilot.press("1")
        await pilot.pause()
        table = pilot.app.screen.query_one(RowTable)
        header, row = (table.render_line(y).text for y in (0, 1))
        assert header.split()[-1] == "number"
        assert row.rstrip().endswith("no. 7")


def test_a_distance_that_was_measured_has_its_sampler_and_says_which_weights() -> None:
    def shown(newest: bool | None) -> str:
        one = Evaluated("prior", 10_000, newest=newest, features="a", figures={"frechet_samples": 6.018})
        return MORE_COLUMNS["Fréchet"](make_summary(evaluated=(one,))).plain

    assert [shown(newest) for newest in (True, False, None)] == ["6.02 prior", "6.02 prior old", "6.02 prior ?"]
    assert MORE_COLUMNS["Fréchet"](make_summary()).plain == "–"
    assert MORE_COLUMNS["Fréchet"](make_summary(evaluated_damage="evaluation.json is")).plain == "! damaged"


def test_a_run_has_the_host_on_which_it_trains_or_what_it_waits_for_and_its_job() -> None:
    def shown(**values: Any) -> list[str]:
        return [MORE_COLUMNS[title](make_summary(**values)).plain for title in ("host", "job")]

    status = Status(state=State.RUNNING, host="node7", job="Slurm job 12")
    assert shown(status=status) == ["node7", "Slurm job 12"]
    waits = new_entry().model_copy(update={"host": "Slurm job 13"})
    assert shown(status=Status(state=State.CREATED), queued=waits) == ["Slurm job 13", ""]
    assert shown(status=None) == ["", ""]


def test_of_a_group_the_smallest_distance_is_shown_where_all_are_of_one_kind() -> None:
    def run(frechet: float, features: str) -> RunSummary:
        return make_summary(evaluated=(Evaluated("prior", 1, None, True, features, {"frechet_samples": frechet}),))

    cell = MORE_COLUMNS["Fréchet"]
    same = RunGroup("key", "title", (run(3, "a"), run(2, "a"), make_summary()))
    assert group_cell("Fréchet", cell, same).plain == "2.00 prior"
    assert group_cell("Fréchet", cell, RunGroup("key", "title", (run(3, "a"), run(2, "b")))).plain == "…"
    assert group_cell("Fréchet", cell, RunGroup("key", "title", (make_summary(),))).plain == "–"


def test_of_a_group_no_loss_is_the_lowest_where_they_are_other_sums() -> None:
    def run(likelihood: str) -> RunSummary:
        config = RunConfig.model_validate(defaults({"likelihood": likelihood}) | {"likelihood": likelihood})
        return make_summary(config=config, best=(1, 40.0))

    alike, mixed = (RunGroup("key", "title", (run("gaussian"), run(other))) for other in ("gaussian", "bernoulli"))
    for title, lowest in (("train", "42.12"), ("val", "40.50"), ("best", "40.00")):
        shown = [group_cell(title, RUN_COLUMNS[title], group).plain for group in (alike, mixed)]
        assert shown == [lowest, "…"]
    assert group_cell("likelihood", MORE_COLUMNS["likelihood"], mixed).plain == "…"
    assert MORE_COLUMNS["parameters"](run("bernoulli")).plain == "53,037"
    assert MORE_COLUMNS["parameters"](make_summary(config=None)).plain == "–"


def test_a_learned_prior_has_no_likelihood_and_programs_get_what_the_columns_know() -> None:
    learned, pixels, newer = (
        make_summary(config=RunConfig(preset=preset, likelihood="bernoulli", beta=0.5, latent_channels=2))
        for preset in ("prior", "vae", "of-a-newer-version")
    )
    assert [MORE_COLUMNS["likelihood"](run).plain for run in (learned, pixels, newer)] == ["–", "bernoulli", "–"]
    assert [parse_condition("likelihood=bernoulli").holds(run) for run in (learned, pixels)] == [False, True]
    names = ("parameters", "likelihood", "beta", "features", "latent_channels")
    printed = [[run.as_json()[name] for name in names] for run in (pixels, learned, newer, make_summary(config=None))]
    assert printed[0] == [pixels.config and pixels.config.parameters, "bernoulli", 0.5, "8,16,32", 2]
    assert printed[1] == [learned.config and learned.config.parameters, None, 0.5, "8,16,32", 2]
    assert printed[2] == [None, None, 0.5, "8,16,32", 2]
    assert printed[3] == [None] * 5
