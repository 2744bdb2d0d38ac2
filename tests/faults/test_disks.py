"""Disks that are full, read-only, slow or gone: training waits or says why it failed, and no file is torn."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from safetensors.torch import load

from core import files
from core.data import images
from core.data.images import ImageSet
from core.errors import DamagedFile, RunError
from core.jobs import launch
from core.models.weights import weights_to_bytes
from core.runs.catalog import summarise
from core.runs.config import make_config
from core.runs.metrics.log import MetricsLog
from core.runs.metrics.reader import MetricsReader
from core.runs.run import Run
from core.runs.status import State
from core.training import checkpoint
from core.training.trainer import Trainer
from tests.support import trainers
from tests.support.models import load_model

WaitUntil = Callable[..., None]

LINE = {"kind": "step", "epoch": 0, "time": 1.0}
LONG = {
    "preset": "ae",
    "dataset": "mnist-5k",
    "epochs": 100_000,
    "batch_size": 100,
    "device": "cpu",
    "validate_every": 1,
    "snapshots": 0,  # what is thinned out makes room
}


@contextmanager
def mounted(folder: Path, megabytes: int) -> Iterator[Path]:
    """A small file system of its own."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)]
    if not shutil.which("mount") or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("only root may mount a small disk")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with mounted(tmp_path / "disk", 8) as folder:
        yield folder


def fill(disk: Path, leave: int = 0) -> Path:
    """Take all space of a disk but for some bytes; the file that takes it."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError as error:
            assert error.errno == errno.ENOSPC
        file.truncate(file.tell() - leave)
    return filler


@pytest.fixture
def training(disk: Path, wait_until: WaitUntil) -> Iterator[Run]:
    """A run on the small disk that a worker trains."""
    run = Run.create(disk, "a-run", make_config(**LONG))
    trainers.begin(run)
    wait_until(lambda: run.status().step > 2, what="the first steps")
    yield run
    if run.path.exists() and run.state().active:
        os.kill(run.status().pid or 0, signal.SIGKILL)


def save_now(run: Run) -> None:
    """By a signal: a request would need space itself."""
    os.kill(run.status().pid or 0, signal.SIGUSR1)


def is_whole(run: Run) -> bool:
    load_model(run)
    assert checkpoint.load_state(run) is not None
    assert summarise(run).damage is None
    return not list(run.path.glob(".*tmp*"))


@pytest.mark.parametrize("leave", [0, 8192, 200_000])
def test_training_waits_for_space_and_goes_on_once_there_is(
    training: Run, disk: Path, wait_until: WaitUntil, leave: int
) -> None:
    filler = fill(disk, leave)
    save_now(training)
    wait_until(lambda: "No space left on device" in training.log_path.read_text(), what="the refusal")
    if leave:  # with no space at all not even the status can be told
        wait_until(lambda: training.state() is State.PAUSED)
        assert training.status().error == "training waits until it can be saved: No space left on device"
    assert training.state().active
    assert is_whole(training)
    step = training.status().step

    filler.unlink()
    wait_until(lambda: training.status().step > step + 2, what="going on")
    assert (training.state(), training.status().error) == (State.RUNNING, None)
    launch.send_request(training, "stop")
    wait_until(lambda: training.state() is State.STOPPED)
    assert training.status().saved_step == training.status().step
    assert is_whole(training)
    reader = MetricsReader(training.metrics_path)
    reader.poll()
    assert reader.damaged_lines == 0
    steps = reader.steps["step"]
    assert (steps[1:] > steps[:-1]).all()


def test_a_training_that_is_stopped_on_a_full_disk_fails_and_keeps_its_last_save(
    training: Run, disk: Path, wait_until: WaitUntil
) -> None:
    fill(disk, 8192)
    save_now(training)
    wait_until(lambda: training.state() is State.PAUSED)
    saved, weights = training.status().saved_step, training.read_weights()
    os.kill(training.status().pid or 0, signal.SIGTERM)
    wait_until(lambda: not training.state().active)
    assert training.state() is State.FAILED
    assert training.status().error == "cannot write the run: No space left on device"
    assert training.read_weights() == weights
    assert is_whole(training)

    (disk / "filler").unlink()
    trainers.begin(training)
    wait_until(lambda: training.status().step > (saved or 0) + 2, what="going on from the last save")


def test_how_a_training_ended_on_a_full_disk_is_told_once_there_is_space(
    training: Run, disk: Path, wait_until: WaitUntil
) -> None:
    filler = fill(disk)
    os.kill(training.status().pid or 0, signal.SIGTERM)
    time.sleep(2)
    assert training.state() is not State.LOST
    filler.unlink()
    wait_until(lambda: not training.state().active)
    assert training.state() is State.FAILED
    assert training.status().error == "cannot write the run: No space left on device"


def test_a_run_cannot_begin_on_a_full_disk_and_says_so(disk: Path) -> None:
    fill(disk)
    with pytest.raises((RunError, OSError), match="No space left on device"):
        Run.create(disk, "a-run", make_config(**LONG))


def test_best_weights_that_the_disk_refused_are_written_later(disk: Path) -> None:
    config = make_config(preset="ae", dataset="mnist-5k", epochs=3, batch_size=200, device="cpu")
    run = Run.create(disk, "a-run", config)
    whole = images.load_image_set("mnist-5k")
    few = ImageSet(whole.name, *(tensor[:400] for tensor in vars(whole).values() if not isinstance(tensor, str)))
    with run.open_metrics() as metrics:
        trainer = Trainer(run, few, "cpu", metrics)
        trainer.save()
        filler = fill(disk)
        steps = trainer.steps()
        while trainer.epoch < 1:
            next(steps)
        best = weights_to_bytes(trainer.model.state_dict(), {})
        next(steps)  # training goes on
        with pytest.raises(OSError, match="No space left"):
            trainer.save()
        assert not run.weights_path(best=True).exists()
        filler.unlink()
        trainer.save()
    found = load(run.read_weights(best=True))
    assert all(torch.equal(tensor, found[name]) for name, tensor in load(best).items())
    assert is_whole(run)


def test_lines_that_the_disk_refused_are_written_later(disk: Path) -> None:
    path = disk / "metrics.jsonl"
    with MetricsLog(path) as log:
        log.append(LINE | {"step": 1})
        filler = fill(disk)
        for step in range(2, 1000):
            log.append(LINE | {"step": step})
        with pytest.raises(OSError, match="No space left"):
            log.sync()
        filler.unlink()
        log.append(LINE | {"step": 1000})
        assert log.sync() == path.stat().st_size
    reader = MetricsReader(path)
    reader.poll()
    assert reader.steps["step"].tolist() == list(range(1, 1001))


def test_training_goes_on_when_a_read_only_disk_can_be_written_again(
    training: Run, disk: Path, wait_until: WaitUntil
) -> None:
    # What is open for writing keeps a disk from becoming read-only; a bind mount can be.
    step = training.status().step
    subprocess.run(["mount", "--bind", str(disk), str(disk)], check=True)
    subprocess.run(["mount", "-o", "remount,ro,bind", str(disk)], check=True)
    try:
        save_now(training)
        wait_until(lambda: "Read-only file system" in training.log_path.read_text(), what="the refusal")
        assert training.state().active
        assert is_whole(training)
        with pytest.raises(OSError, match="Read-only file system"):
            launch.send_request(training, "stop")
    finally:
        subprocess.run(["umount", str(disk)], check=True)
    wait_until(lambda: training.status().step > step + 2, what="going on")
    assert training.state() is State.RUNNING


def test_a_trainer_whose_folder_disappears_ends(training: Run, wait_until: WaitUntil) -> None:
    pid = training.status().pid or 0
    training.path.rename(training.path.with_name("elsewhere"))
    wait_until(lambda: not is_alive(pid), what="the end of the trainer")
    assert not training.path.exists()


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_slow_disk_takes_a_small_part_of_the_time(tmp_path: Path, wait_until: WaitUntil) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import os, time\nsync = os.fsync\nos.fsync = lambda descriptor: (time.sleep(0.3), sync(descriptor))\n"
    )
    run = Run.create(tmp_path / "checkpoints", "a-run", make_config(**LONG))
    program = "import sys; from pathlib import Path; from core.jobs import launch; from core.runs.run import Run;" + (
        "launch.start(Run(Path(sys.argv[1]))).wait_until_started()"
    )
    slow = os.environ | {"PYTHONPATH": str(tmp_path)}
    subprocess.run([sys.executable, "-c", program, str(run.path)], env=slow, check=True, timeout=100)
    wait_until(lambda: run.status().step > 2, what="the first steps")
    beats = set()
    for _ in range(100):
        beats.add(run.status().heartbeat)
        time.sleep(0.1)
    assert len(beats) <= 3  # ten where a beat costs nothing
    assert run.state() is State.RUNNING
    launch.send_request(run, "stop")
    wait_until(lambda: run.state() is State.STOPPED)
    assert is_whole(run)


def test_a_file_is_replaced_whole_or_not_at_all(disk: Path) -> None:
    path = disk / "a-file"
    files.replace(path, b"old")
    fill(disk, 8192)
    with pytest.raises(OSError, match="No space left"):
        files.replace(path, bytes(100_000))
    assert path.read_bytes() == b"old"
    assert [file.name for file in disk.iterdir() if ".tmp-" in file.name] == []


def test_abandoned_files_are_swept_but_not_a_request_on_its_way(make_run: Callable[..., Run]) -> None:
    run = make_run()
    ours, request = run.path / ".state.pt.tmp-1", run.path / ".request-1-2.json.tmp-2"
    old = run.path / ".control.json.tmp-3"
    for path in (ours, request, old):
        path.write_bytes(b"half")
    os.utime(old, (0, 0))
    run.remove_temporary_files()
    assert (ours.exists(), request.exists(), old.exists()) == (False, True, False)


def test_files_of_a_run_are_private(training: Run, wait_until: WaitUntil) -> None:
    launch.send_request(training, "pause")
    wait_until(lambda: training.state() is State.PAUSED)
    assert training.path.stat().st_mode & 0o777 == 0o700
    modes = {path.name: path.stat().st_mode & 0o777 for path in training.path.iterdir()}
    written = {"config.json", "status.json", "metrics.jsonl", "model.safetensors", "state.pt"}
    assert written | {"train.log"} <= modes.keys()
    assert set(modes.values()) == {0o600}


def test_nothing_listens_on_the_network(training: Run) -> None:
    import psutil

    trainer = psutil.Process(training.status().pid)
    assert [found for found in trainer.net_connections() if found.status == psutil.CONN_LISTEN] == []


def test_a_metrics_file_that_no_training_writes_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.touch()
    os.truncate(path, 1 << 40)
    with pytest.raises(DamagedFile, match="larger than"):
        MetricsReader(path).poll()
