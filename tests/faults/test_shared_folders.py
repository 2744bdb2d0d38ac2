"""Folders that several users share: what one may not read spoils nothing, and what one opens is open as a whole."""

from __future__ import annotations

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from core import files
from core.errors import ConfigError, RunError
from core.jobs import launch
from core.jobs.queue.waiting import enter
from core.runs.catalog import Unreadable, create_run, find_run, find_runs
from core.runs.config import make_config
from core.runs.run import FILES, Run
from core.runs.status import State
from tests.conftest import make_trained_run
from tests.faults.test_disks import fill, mounted
from tests.support import trainers
from tests.support.machines import ROOT, as_another_user, call, public_folder
from tests.support.terminal import ENVIRONMENT, Terminal

MakeRun = Callable[..., Run]
WaitUntil = Callable[..., None]
LINE = "cannot be read: lost+found (Permission denied)"


def modes(run: Run) -> set[int]:
    return {stat.S_IMODE((run.path / file).stat().st_mode) for file in FILES if (run.path / file).exists()}


@pytest.fixture
def shared() -> Iterator[Path]:
    """A folder with a run that everybody may read, beside what nobody else may."""
    with public_folder() as folder:
        yield make_shared(folder / "runs")


def make_shared(runs_dir: Path) -> Path:
    run = make_trained_run(runs_dir, "ae")
    run.open_metrics().close()
    run.path.chmod(0o755)
    run.share_files()
    (runs_dir / "lost+found").mkdir(mode=0o700)
    (runs_dir / ".Trash-0").mkdir(mode=0o700)
    runs_dir.chmod(0o755)
    return runs_dir


# What cannot be read


def test_1_folders_that_cannot_be_read_are_named_once_and_the_runs_are_listed(shared: Path) -> None:
    folder = ["--runs-dir", str(shared)]
    listed = call("runs", *folder, through=as_another_user)
    assert (listed.returncode, listed.stderr) == (0, f"vae-tui: {LINE}\n"), listed
    assert "ae " in listed.stdout
    assert "may only be read: ae" in listed.stdout
    listed = call("runs", "--json", *folder, through=as_another_user)
    assert [(run["name"], run["read_only"]) for run in json.loads(listed.stdout)] == [("ae", True)]
    drawn = call("sample", "ae", "--count", "1", *folder, through=as_another_user)
    assert drawn.returncode == 0, drawn.stderr
    for words in (("resume", "ae"), ("control", "ae", "stop")):
        refused = call(*words, *folder, through=as_another_user)
        assert (refused.returncode, refused.stderr.count("\n")) == (2, 1), refused
    missing = call("control", "be", "stop", *folder, through=as_another_user)
    assert missing.stderr == f"vae-tui: no run named 'be' in {shared}; there is ae; {LINE}\n"
    missing = call("control", "lost+found", "stop", *folder, through=as_another_user)
    assert missing.stderr == f"vae-tui: lost+found in {shared} cannot be read: Permission denied\n"
    shown = call("open", "--show-completion", *folder, through=as_another_user)
    assert "Traceback" not in shown.stderr


def test_1_of_a_queue_that_belongs_to_somebody_else_one_is_told_only_when_one_uses_it(shared: Path) -> None:
    run = Run(shared / "ae")
    enter(run)
    run.share_files()
    listed = call("queue", "--json", "--runs-dir", str(shared), through=as_another_user)
    assert (listed.returncode, [each["name"] for each in json.loads(listed.stdout)]) == (0, ["ae"]), listed
    refused = call("queue", "--at-once", "2", through=as_another_user)
    assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)
    assert refused.stderr.endswith("Permission denied\n")


def test_1_the_app_shows_the_runs_and_a_lasting_line(shared: Path, tmp_path: Path) -> None:
    command = as_another_user([sys.executable, "-m", "tui", "--runs-dir", str(shared)])
    with Terminal(command, ROOT, ENVIRONMENT | {"HOME": str(tmp_path / "nowhere")}) as terminal:
        terminal.wait_for("ae ", LINE, "ae may only be read")
        assert LINE in terminal.read(3)
        terminal.press("2")
        terminal.wait_for("this run may only be read")


def test_1_a_folder_of_runs_that_cannot_be_read_says_so_for_as_long_as_it_is_so(shared: Path) -> None:
    command = as_another_user([sys.executable, "-m", "tui", "--runs-dir", str(shared)])
    with Terminal(command, ROOT, ENVIRONMENT) as terminal:
        terminal.wait_for("ae ", LINE)
        shared.chmod(0o700)
        terminal.wait_for("ae ", "the runs cannot be read: ", "Permission denied")
        shared.chmod(0o755)
        terminal.wait_for("ae ", LINE)


def test_1_what_cannot_be_read_is_noted_wherever_runs_are_looked_for(
    make_run: MakeRun, runs_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run()
    for name in ("b", "c", "d", "e"):
        (runs_dir / name).mkdir()
    look = os.stat

    def refuse(path: Path | str, **options: object) -> os.stat_result:
        if str(path).startswith(tuple(f"{runs_dir}/{name}/" for name in "bcde")):
            raise PermissionError(13, "Permission denied", path)
        return look(path, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "stat", refuse)
    unreadable = Unreadable()
    assert find_runs(runs_dir, unreadable) == [run]
    assert str(unreadable) == "cannot be read: " + ", ".join(
        f"{name} (Permission denied)" for name in "bcd"
    ) + " and 1 more"  # fmt: skip
    assert find_run(runs_dir, run.name) == run


# What is shared


def test_1_a_run_is_private_unless_asked_otherwise_and_all_of_it_follows(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        for share, folder, file in ((None, 0o700, 0o600), ("group", 0o750, 0o640), ("all", 0o755, 0o644)):
            run = create_run(tmp_path / "runs", None, "run", make_config(dataset="mnist-5k"), share=share)  # type: ignore[arg-type]
            run.open_metrics().close()
            run.request("save")
            assert (stat.S_IMODE(run.path.stat().st_mode), modes(run)) == (folder, {file})
    finally:
        os.umask(before)


def test_1_a_run_in_a_folder_that_gives_its_group_is_the_groups(tmp_path: Path) -> None:
    runs_dir = tmp_path / "runs"
    runs_dir.mkdir()
    if os.geteuid() == 0:
        os.chown(runs_dir, -1, 12345)
    runs_dir.chmod(0o2770)
    run = Run.create(runs_dir, "run", make_config(dataset="mnist-5k"))
    assert (stat.S_IMODE(run.path.stat().st_mode), modes(run)) == (0o2770, {0o660})
    assert {path.stat().st_gid for path in run.path.iterdir()} == {runs_dir.stat().st_gid}


def test_1_a_run_that_is_opened_while_it_trains_is_open_as_a_whole_and_stays_so(
    make_small_run: MakeRun, wait_until: WaitUntil
) -> None:
    run = make_small_run(epochs=100_000, validate_every=1000)
    trainers.begin(run)
    wait_until(lambda: run.status().saved_step, what="the first save")
    assert modes(run) == {0o600}
    run.path.chmod(0o755)
    wait_until(lambda: modes(run) == {0o644}, what="open files")
    saved = run.weights_version()
    launch.send_request(run, "save")
    wait_until(lambda: run.weights_version() != saved, what="a save")
    wait_until(lambda: modes(run) == {0o644}, what="open files")
    run.path.chmod(0o700)
    wait_until(lambda: modes(run) == {0o600}, what="private files")
    launch.send_request(run, "stop")
    wait_until(lambda: run.state() is State.STOPPED)


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    if not shutil.which("mount") or subprocess.run(["mount", "--bind", folder, folder], capture_output=True).returncode:
        pytest.skip("only root may mount")
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", folder], check=True)
        yield
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def test_14_what_is_asked_of_a_read_only_run_is_refused_with_the_name_of_the_run(
    make_small_run: MakeRun, wait_until: WaitUntil
) -> None:
    run = make_small_run(epochs=100_000, validate_every=1000, snapshots=0)
    process = trainers.begin(run)
    wait_until(lambda: run.status().saved_step, what="the first save")
    with read_only(run.path), pytest.raises(OSError, match="cannot be asked to stop: Read-only file system") as raised:
        launch.send_request(run, "stop")
    assert raised.value.filename == str(run.path)
    trainers.send_signal(process, signal.SIGTERM)
    process.join(30)
    with read_only(run.path), pytest.raises(RunError, match="a-run is on a read-only file system, so it cannot be"):
        launch.resume(run)
    files.replace(run.path / "control.json", b"{}")


# New runs


@pytest.mark.parametrize("leave", [0, 4096])
def test_10_a_run_that_a_full_disk_does_not_take_leaves_nothing_and_its_name_free(tmp_path: Path, leave: int) -> None:
    with mounted(tmp_path / "disk", 8) as disk:
        filler = fill(disk, leave)
        with pytest.raises(RunError, match="No space left on device"):
            Run.create(disk, "a-run", make_config(dataset="mnist-5k"), bytes(1 << 20))
        assert [path.name for path in disk.iterdir()] == ["filler"]
        filler.unlink()
        assert Run.create(disk, "a-run", make_config(dataset="mnist-5k")).state() is State.CREATED


def test_10_a_run_whose_maker_was_killed_is_not_listed_and_its_name_is_free(
    runs_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("core.files.shutil.rmtree", lambda *ignored, **options: None)  # as a kill leaves it
        patch.setattr("pathlib.Path.rename", lambda *ignored: os.strerror("no"))  # type: ignore[arg-type]
        with pytest.raises(TypeError):
            Run.create(runs_dir, "a-run", make_config(dataset="mnist-5k"))
    assert len(list(runs_dir.iterdir())) == 1
    assert find_runs(runs_dir) == []
    assert Run.create(runs_dir, "a-run", make_config(dataset="mnist-5k")).state() is State.CREATED


def test_10_an_empty_folder_of_that_name_is_no_place_for_a_run(runs_dir: Path) -> None:
    (runs_dir / "a-run").mkdir(parents=True)
    with pytest.raises(ConfigError, match="is taken"):
        Run.create(runs_dir, "a-run", make_config(dataset="mnist-5k"))


def make_one(runs_dir: Path) -> None:
    create_run(runs_dir, None, "ae-mnist-5k", make_config(preset="ae", dataset="mnist-5k"))


def test_10_as_many_runs_are_made_at_once_as_are_asked_for_where_nobody_names_them(runs_dir: Path) -> None:
    makers = [trainers.fork(make_one, runs_dir) for _ in range(16)]
    for maker in makers:
        maker.join(60)
    assert [maker.exitcode for maker in makers] == [0] * 16
    names = ["ae-mnist-5k", *(f"ae-mnist-5k-{number}" for number in range(2, 17))]
    assert sorted(run.name for run in find_runs(runs_dir)) == sorted(names)


# Paths


def test_11_a_run_is_found_by_its_folder_as_a_shell_completes_it(
    make_run: MakeRun, runs_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run("base")
    monkeypatch.setenv("HOME", str(runs_dir.parent))
    monkeypatch.chdir(runs_dir.parent)
    for name in ("base", "base/", "base//"):
        assert find_run(runs_dir, name) == run
    for name in (
        "checkpoints/base",
        "checkpoints/base/",
        f"{run.path}/",
        "~/checkpoints/base",
        "./checkpoints/../checkpoints/base",
    ):
        assert find_run("elsewhere", name) == run
    monkeypatch.chdir(runs_dir)
    assert find_run("elsewhere", "./base") == find_run("elsewhere", "base/") == run
    monkeypatch.chdir(run.path)
    assert find_run("elsewhere", ".") == find_run("elsewhere", "../base/") == run
    with pytest.raises(RunError, match="no run named"):
        find_run(runs_dir, "")
    with pytest.raises(RunError, match="no run named"):
        find_run(runs_dir, "checkpoints/other")


def test_11_a_tilde_is_the_home_folder_in_every_path_option_and_variable(tmp_path: Path, make_run: MakeRun) -> None:
    home = tmp_path / "home"
    (home / "runs").mkdir(parents=True)
    run = make_trained_run(home / "runs", "ae")

    def ask(*words: str, **variables: str) -> subprocess.CompletedProcess[str]:
        environment = os.environ | {"PYTHONPATH": str(ROOT), "HOME": str(home)} | variables
        command = [sys.executable, "-m", "tui", *words]
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

    assert f"{run.name} " in ask("runs", "--runs-dir=~/runs").stdout
    out = ask("sample", run.name, "--runs-dir=~/runs", "--count=1", "--out=~/picture.png")
    assert (out.returncode, (home / "picture.png").exists()) == (0, True), out.stderr
    assert str(home / "q") in ask("data", VAE_TUI_DATA="~/q").stdout
    assert str(home / "q") in ask("data", "--data-dir=~/q").stdout
    assert ask("runs", "--runs-dir=~nobody-of-that-name/x").stderr.count("\n") == 1
    assert not list(tmp_path.glob("~*"))
