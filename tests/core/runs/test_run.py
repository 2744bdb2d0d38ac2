"""A run directory is the interface: written whole, read with suspicion."""

from __future__ import annotations

import errno
import os
import stat
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from core import files
from core.errors import ConfigError, DamagedFile, RunError
from core.runs.catalog import find_run, find_runs, newest_first, summarise
from core.runs.config import check_name, make_config
from core.runs.keeping.names import unused_name
from core.runs.run import Run
from core.runs.status import State, Status
from core.trash import discard, find_deleted, restore

MakeRun = Callable[..., Run]


def test_a_new_run_holds_its_configuration_and_waits(make_run: MakeRun) -> None:
    run = make_run(epochs=7)
    assert run.config().epochs == 7
    assert run.state() is State.CREATED
    assert sorted(path.name for path in run.path.iterdir()) == ["config.json", "status.json"]


def test_only_the_owner_can_read_a_run(make_run: MakeRun) -> None:
    run = make_run()
    run.open_metrics().close()
    assert stat.S_IMODE(run.path.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in run.path.iterdir()} == {0o600}


def test_a_taken_name_is_refused(make_run: MakeRun) -> None:
    make_run("twice")
    with pytest.raises(ConfigError, match="name twice is taken"):
        make_run("twice")


def test_a_runs_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match=r"cannot create|is not a directory"):
        Run.create(tmp_path / "file", "run", make_config())


def test_a_replaced_file_is_the_old_one_when_writing_fails(make_run: MakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_run()
    before = run.status()

    def fail(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="No space left"):
        run.write_status(Status(state=State.RUNNING))
    assert run.status() == before
    assert sorted(path.name for path in run.path.iterdir()) == ["config.json", "status.json"]


def test_leftovers_of_a_killed_trainer_are_swept(make_run: MakeRun) -> None:
    run = make_run()
    leftover = run.path / f".model.safetensors{files.TEMPORARY_MARK}123"
    leftover.write_bytes(b"half")
    run.remove_temporary_files()
    assert not leftover.exists()
    assert run.config()


def test_what_others_are_writing_while_a_trainer_starts_is_not_lost(make_run: MakeRun) -> None:
    run = make_run()
    names = ("notes.json", "evaluation.json", "queued.json", "control.json", "request-1-2.json", "samples.npz")
    for path in (run.path / name for name in names):
        with files.replacing(path) as file:
            file.write(b"minutes of work")
            run.remove_temporary_files()
        assert path.read_bytes() == b"minutes of work"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"preset": 1}',
        b'{"preset": "\\u001b[2J"}',
        b"\xff" * 100,
        5000 * b"[",
        b'{"epochs": 1e999}',
    ],
)
def test_a_damaged_config_is_named_in_one_line(make_run: MakeRun, content: bytes) -> None:
    run = make_run()
    (run.path / "config.json").write_bytes(content)
    with pytest.raises(DamagedFile, match=r"^config\.json: [^\n]+$"):
        run.config()


def test_a_huge_file_a_link_and_a_pipe_are_not_read(make_run: MakeRun, tmp_path: Path) -> None:
    run = make_run()
    config = run.path / "config.json"
    content = config.read_bytes()
    with config.open("r+b") as file:
        file.truncate(10 << 30)
    with pytest.raises(DamagedFile, match="is larger than"):
        run.config()
    config.unlink()
    (tmp_path / "elsewhere").write_bytes(content)
    config.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(DamagedFile, match="is not a regular file"):
        run.config()
    config.unlink()
    os.mkfifo(config)
    with pytest.raises(DamagedFile, match="is not a regular file"):
        run.config()


def test_a_deleted_run_is_taken_back_with_all_that_was_in_its_folder(make_run: MakeRun, runs_dir: Path) -> None:
    run = make_run()
    (run.path / "notes.txt").write_text("mine")
    before = run.config()
    deleted = discard(run)
    assert (find_runs(runs_dir), find_deleted(runs_dir)) == ([], [deleted])
    assert deleted.config() == before
    assert restore(deleted) == run
    assert run.config() == before
    assert (run.path / "notes.txt").read_text() == "mine"
    assert find_deleted(runs_dir) == []
    with pytest.raises(RunError, match="no longer in the trash"):
        restore(deleted)


def test_a_deleted_run_never_takes_the_place_of_another(make_run: MakeRun, runs_dir: Path) -> None:
    first = discard(make_run(seed=1))
    second = discard(make_run(seed=2))
    third = make_run(seed=3)
    assert find_deleted(runs_dir) == [second, first]
    assert (restore(second).name, restore(first).name) == ("a-run-2", "a-run-3")
    assert [run.config().seed for run in find_runs(runs_dir)] == [3, 2, 1]
    assert third.config().seed == 3


def test_a_run_is_deleted_where_the_file_system_knows_no_permissions(
    make_run: MakeRun, runs_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, mode: int) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted", str(path))

    monkeypatch.setattr(Path, "chmod", refuse)
    run = make_run()
    os.chmod(runs_dir, 0o750)  # noqa: PTH101 - the other way is refused
    deleted = discard(run)
    assert find_deleted(runs_dir) == [deleted]
    assert restore(deleted) == run


def test_a_name_of_the_longest_kind_that_is_taken_has_room_for_a_number(make_run: MakeRun, runs_dir: Path) -> None:
    name = 100 * "a"
    deleted = [discard(make_run(name)) for _ in range(2)]
    make_run(name)
    assert [restore(each).name for each in deleted] == [f"{90 * 'a'}-2", f"{90 * 'a'}-3"]
    make_run("vae-" + 90 * "9")  # nobody counts so far
    assert check_name(unused_name(runs_dir, "vae")) == "vae"


def test_a_run_that_cannot_be_moved_stays_and_leaves_nothing_in_the_trash(
    make_run: MakeRun, runs_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run()

    def refuse(path: Path, target: Path) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    with monkeypatch.context() as patched:
        patched.setattr(Path, "rename", refuse)
        with pytest.raises(PermissionError):
            discard(run)
    assert run.config()
    assert list((runs_dir / ".trash").iterdir()) == []


def test_runs_are_found_by_name_and_names_are_proposed(make_run: MakeRun, runs_dir: Path) -> None:
    assert find_runs(runs_dir) == []
    assert unused_name(runs_dir, "vae") == "vae"
    for name in ("vae", "vae-3", "other"):
        make_run(name)
    (runs_dir / "no-run").mkdir()
    assert [run.name for run in find_runs(runs_dir)] == ["other", "vae", "vae-3"]
    assert unused_name(runs_dir, "vae") == "vae-4"
    assert find_run(runs_dir, "other").name == "other"
    with pytest.raises(RunError, match=r"no run named 'missing' in .*; there is other, vae, vae-3"):
        find_run(runs_dir, "missing")


def test_a_summary_tells_what_is_damaged_and_keeps_the_rest(make_run: MakeRun) -> None:
    run = make_run()
    with run.open_metrics() as log:
        log.append({"kind": "epoch", "epoch": 1, "step": 8, "time": 1.0, "train_loss": 3.0, "val_loss": 4.0})
    assert (summarise(run).train_loss, summarise(run).val_loss, summarise(run).damage) == (3.0, 4.0, None)
    (run.path / "status.json").unlink()
    summary = summarise(run)
    assert summary.damage == "status.json is missing"
    assert summary.config == run.config()
    assert summary.as_json()["state"] == "damaged"


def test_runs_are_listed_newest_first(make_run: MakeRun) -> None:
    runs = []
    for name in ("b", "c", "a"):
        runs.append(make_run(name))
        time.sleep(0.002)
    assert [summary.run.name for summary in newest_first(map(summarise, runs))] == ["a", "c", "b"]
