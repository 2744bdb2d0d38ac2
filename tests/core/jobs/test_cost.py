"""What a run will cost is told from what the last one took here, and is unknown until there was one."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.jobs import cost
from core.jobs.cost import Pace, estimate, keep_pace, pace_file, read_paces
from core.runs.config import make_config
from core.runs.run import Run
from core.runs.status import State, Status


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state"


def trained(
    folder: Path, seconds: float, preset: str = "vae", device: str = "cpu", speed: float = 2500.0, **settings: object
) -> Run:
    name = f"{preset}-{device}-{seconds:g}-{speed:g}".replace(":", "-")
    run = Run.create(folder, name, make_config(preset=preset, **settings))
    with run.open_metrics() as log:
        log.append({"kind": "step", "epoch": 0, "step": 1, "time": seconds, "images_per_second": 1.0})
        log.append({"kind": "epoch", "epoch": 1, "step": 40, "time": seconds, "images_per_second": speed})
    run.write_status(Status(state=State.FINISHED, device=device))
    return run


def test_time_is_unknown_until_a_run_of_that_preset_trained_here_for_a_while(tmp_path: Path) -> None:
    config = make_config(preset="vae", dataset="mnist-5k", epochs=100)
    assert estimate(config, read_paces()).seconds is None
    keep_pace(trained(tmp_path, 5), 10**9)
    assert not pace_file().exists(), "too short to tell"
    keep_pace(trained(tmp_path, 30), 7 * 10**8)
    found = estimate(config, read_paces())
    assert (found.seconds, found.memory) == (100 * 4000 / 2500, 7 * 10**8)
    without = estimate(config.model_copy(update={"snapshots": 0}), read_paces())
    assert 10**6 < without.disk < 2 * 10**6
    assert found.disk - without.disk == pytest.approx(30 * 225_724, rel=0.02)  # the file of this preset's weights
    assert estimate(make_config(preset="ae"), read_paces()).seconds is None


def test_a_gpu_and_another_machine_are_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keep_pace(trained(tmp_path, 30), 1)
    keep_pace(trained(tmp_path, 30, device="cuda:1"), 2)
    memory = {device: estimate(make_config(device=device), read_paces()).memory for device in ("cpu", "cuda:0", "auto")}
    assert memory == {"cpu": 1, "cuda:0": 2, "auto": 2}
    monkeypatch.setattr(cost.socket, "gethostname", lambda: "elsewhere")  # type: ignore[attr-defined]
    assert estimate(make_config(), read_paces()).memory is None


def seconds(**settings: object) -> float | None:
    return estimate(make_config(epochs=1, dataset="mnist-5k", **settings), read_paces()).seconds


def test_on_a_cpu_a_model_of_another_likelihood_tells_it_too(tmp_path: Path) -> None:
    keep_pace(trained(tmp_path, 30, device="cuda:0", likelihood="bernoulli"), 1)
    assert seconds(device="cuda:0") is None
    keep_pace(trained(tmp_path, 30, speed=1000, likelihood="bernoulli"), 1)
    assert seconds() == 4.0
    assert seconds(device="cpu") == 4.0
    assert seconds(features="8,16") is None
    keep_pace(trained(tmp_path, 30, speed=2000), 1)
    assert (seconds(), seconds(likelihood="bernoulli", device="cpu")) == (2.0, 4.0)


def test_what_trains_without_the_whole_step_is_told_apart(tmp_path: Path) -> None:
    keep_pace(trained(tmp_path, 30, speed=1000), 1)
    assert (seconds(), seconds(clip_norm=1)) == (4.0, None)
    keep_pace(trained(tmp_path, 30, speed=500, clip_norm=1), 1)
    assert (seconds(), seconds(clip_norm=1)) == (4.0, 8.0)


def test_images_of_ones_own_are_not_counted_before_they_are_read(tmp_path: Path) -> None:
    pace = {key: Pace(images_per_second=1, memory=1) for key in (cost._key(make_config(), "cpu"),)}
    config = make_config(preset="vae").model_copy(update={"dataset": "folder"})
    assert estimate(config, pace).seconds is None


def test_what_cannot_be_read_is_as_if_nothing_were_known(state: Path) -> None:
    pace_file().parent.mkdir(parents=True)
    for content in ("", "[]", '{"a": {"images_per_second": 0, "memory": 1}}', "{" * 100_000):
        pace_file().write_text(content)
        assert read_paces() == {}
