"""The best validation and the room of runs are measured besides, a part at a time."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from core.errors import DamagedFile
from core.runs import watching
from core.runs.catalog import summarise_whole
from core.runs.keeping.measures import BestValidation, Measures
from core.runs.run import Run
from core.runs.snapshots.folder import file_name, folder_of
from core.runs.watching import Catalog

MakeRun = Callable[..., Run]


def line(epoch: int, loss: float | None) -> str:
    row = {"kind": "epoch", "epoch": epoch, "step": epoch, "time": 1.0, "val_loss": loss}
    return json.dumps(row, separators=(",", ":")) + "\n"


def write(run: Run, *lines: str) -> None:
    with run.metrics_path.open("a") as file:
        file.writelines(lines)


def measured(measures: Measures) -> tuple[int, float] | None:
    for _ in measures.measure():
        pass
    return measures.best


def test_the_list_looks_into_no_snapshots_before_it_is_shown(
    make_run: MakeRun, runs_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run()
    folder_of(run).mkdir()
    looked: list[Path] = []
    scan = os.scandir

    def look(path: str) -> object:
        looked.append(Path(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", look)
    catalog = Catalog(runs_dir)
    assert [summary.run for summary in catalog.look()] == [run]
    assert folder_of(run) not in looked
    catalog.look()  # measures what it costs, a few runs at a time
    assert folder_of(run) in looked


def test_the_best_validation_is_found_and_followed(make_run: MakeRun) -> None:
    run = make_run()
    measures = Measures(run)
    assert measured(measures) is None
    write(run, line(1, 9.0), line(2, None), line(3, 4.0), line(4, 5.0), '{"kind":"step","val_loss":1}\n', "x" * 9)
    assert measured(measures) == (3, 4.0)
    write(run, '{"val_loss":\n', line(5, 3.5)[:20])
    assert measured(measures) == (3, 4.0)
    write(run, line(5, 3.5)[20:])
    assert measured(measures) == (5, 3.5)
    run.metrics_path.write_text(line(1, 9.0) + line(2, None) + line(3, 4.5))  # a resumed trainer cut it back
    assert measured(measures) == (3, 4.5)
    assert measures.size is not None
    assert measures.size >= 4096
    before = measures.size
    folder_of(run).mkdir()
    (folder_of(run) / file_name(1)).write_bytes(bytes(10_000))
    measured(measures)
    assert measures.size - before >= 10_000
    run.metrics_path.unlink()
    assert measured(measures) is None


def test_where_a_forks_loss_is_another_sum_the_best_is_of_its_own_validations(make_run: MakeRun) -> None:
    run = make_run()
    measures = Measures(run)
    kept, anew = (f'{{"kind":"fork","run":"a","best_anew":{word}}}\n' for word in ("false", "true"))
    write(run, line(1, 2.0), kept, line(2, 9.0))
    assert measured(measures) == (1, 2.0)
    write(run, anew, line(3, 8.0), line(4, 8.5))
    assert measured(measures) == (3, 8.0)


def test_a_list_measures_its_runs_after_it_was_shown_and_again_after_they_changed(
    make_run: MakeRun, tmp_path: Path
) -> None:
    run = make_run()
    write(run, line(1, 9.0))
    catalog = Catalog(run.path.parent)
    (first,) = catalog.look()
    assert (first.best, first.size) == (None, None)
    (second,) = catalog.look()
    assert second.best == (1, 9.0)
    assert second.size == summarise_whole(run).size
    for _ in range(2 * watching.TURNS):
        assert catalog.look() == [second]
        assert catalog.look()[0] is second
    write(run, line(2, 8.0))
    looks = [catalog.look()[0].best for _ in range(watching.TURNS)]
    assert looks[-1] == (2, 8.0)
    assert None not in looks


def test_a_run_that_was_gone_and_is_back_is_measured_again(make_run: MakeRun) -> None:
    run = make_run()
    write(run, line(1, 9.0))
    catalog, elsewhere = Catalog(run.path.parent), run.path.parent.parent / "elsewhere"
    catalog.look()
    (before,) = catalog.look()
    run.path.rename(elsewhere)
    assert catalog.look() == []
    elsewhere.rename(run.path)
    catalog.look()
    (after,) = catalog.look()
    assert (after.best, after.size) == (before.best, before.size) == ((1, 9.0), before.size)


def test_a_look_takes_no_longer_because_much_is_to_be_measured(
    make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = [make_run(f"run-{number}") for number in range(5)]
    catalog = Catalog(runs[0].path.parent)
    catalog.look()
    monkeypatch.setattr(watching, "MEASURED_SECONDS", 1e-9)
    counts = [sum(run.size is not None for run in catalog.look()) for _ in range(12)]
    assert counts[0] < len(runs)
    assert counts[-1] == len(runs)


def test_what_is_no_log_is_not_read_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    with path.open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(DamagedFile):
        [*BestValidation(path).read()]
