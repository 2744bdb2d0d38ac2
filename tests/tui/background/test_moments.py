"""The moments of a run of which there are snapshots, with what was measured until then."""

from __future__ import annotations

import json
from collections.abc import Callable

from core.models.weights import weights_to_bytes
from core.runs.run import Run
from core.runs.snapshots.folder import file_name, folder_of
from tui.background.snapshots import MomentsReader
from tui.messages import Moment


def put(run: Run, step: int, epoch: float) -> None:
    folder_of(run).mkdir(exist_ok=True)
    content = weights_to_bytes({}, {"step": step, "epoch": epoch})
    (folder_of(run) / file_name(step)).write_bytes(content)


def add_epoch(run: Run, epoch: int, step: int, **measured: float | None) -> None:
    line = {"kind": "epoch", "epoch": epoch, "step": step, "time": 1.0, **measured}
    with run.metrics_path.open("a") as file:
        file.write(json.dumps(line) + "\n")


def test_moments_come_with_what_was_measured_last_until_then(make_run: Callable[..., Run]) -> None:
    run = make_run()
    reader = MomentsReader(run)
    none = reader.poll()
    assert none is not None and none.moments == ()
    assert reader.poll() is None
    add_epoch(run, 1, 100, val_loss=60.0, frechet=None)
    add_epoch(run, 2, 200, val_loss=None, frechet=12.5)
    assert reader.poll() is None  # without snapshots the metrics are not read
    put(run, 50, 0.5)
    put(run, 210, 2.1)
    found = reader.poll()
    assert found is not None
    assert found.moments == (Moment(50, 0.5), Moment(210, 2.1, (1, 60.0), (2, 12.5)))
    assert reader.poll() is None
    put(run, 300, 3.0)
    add_epoch(run, 3, 300, val_loss=40.0, frechet=None)
    more = reader.poll()
    assert more is not None
    assert more.moments[-1] == Moment(300, 3.0, (3, 40.0), (2, 12.5))
