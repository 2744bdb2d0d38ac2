"""Event files hold what TensorBoard's own reader finds in them again."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from core.errors import RunError
from core.exchange.tensorboard import write
from core.runs.metrics.reader import MetricsReader
from core.runs.run import Run
from tests.conftest import CHECKPOINTS

MakeRun = Callable[..., Run]
RUN = Run(CHECKPOINTS / "vae-mnist")


@pytest.mark.slow
def test_tensorboard_reads_scalars_pictures_and_settings(tmp_path: Path) -> None:
    pytest.importorskip("tensorboardX", reason="the extra `tensorboard` is not installed")
    reader = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator", reason="no TensorBoard")
    images = np.linspace(0, 1, 10 * 28 * 28, dtype=np.float32).reshape(10, 28, 28)
    written = write(RUN, tmp_path / "events", (images, 1 - images))
    events = reader.EventAccumulator(str(tmp_path / "events"), {"scalars": 0, "images": 0})
    events.Reload()
    metrics = MetricsReader(RUN.metrics_path)
    metrics.poll()
    found = events.Scalars("epoch/val_loss")
    losses = metrics.epochs["val_loss"]
    there = np.isfinite(losses)
    np.testing.assert_allclose([each.value for each in found], losses[there], rtol=1e-6)
    assert [each.step for each in found] == metrics.epochs["step"][there].astype(int).tolist()
    assert written == sum(len(events.Scalars(tag)) for tag in events.Tags()["scalars"])
    (picture,) = events.Images("reconstructions")
    assert (picture.height, picture.width) == (56, 280)
    inside = reader.EventAccumulator(str(tmp_path / "events" / "settings"))
    inside.Reload()
    assert "best/val_loss" in inside.Tags()["scalars"]


def test_without_the_extra_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with pytest.raises(RunError, match=r"files need tensorboardX: pip install tensorboardX$"):
        write(RUN, tmp_path / "events")
    assert not (tmp_path / "events").exists()


def test_of_a_run_without_losses_nothing_is_made_up_or_complained_of(
    tmp_path: Path, make_run: MakeRun, caplog: pytest.LogCaptureFixture
) -> None:
    pytest.importorskip("tensorboardX", reason="the extra `tensorboard` is not installed")
    assert write(make_run("imported"), tmp_path / "events") == 0
    assert caplog.text == ""
