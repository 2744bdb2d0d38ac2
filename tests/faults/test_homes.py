"""15, 20: Users without a home, homes that take no files, and folders that are gone: what needs none goes on."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from core import folders
from core.errors import DamagedFile
from core.runs.run import Run
from core.runs.status import State
from tests.conftest import CHECKPOINTS
from tests.support.hostile import VAE_TUI
from tests.support.terminal import ENVIRONMENT, Terminal
from tests.support.users import AS_NOBODY, NUMBER, why_not

RUNS = ["--runs-dir", str(CHECKPOINTS)]
UNUSABLE: dict[str, dict[str, str]] = {
    "nowhere": {"HOME": "/nonexistent/home"},
    "takes no files": {"HOME": "/proc"},
    "relative": {"HOME": "home"},
    "empty": {"HOME": ""},
    "relative folders": {"HOME": "/proc", "XDG_CACHE_HOME": "cache", "XDG_STATE_HOME": "state"},
    "no folder for temporary files": {"HOME": "/proc", "TMPDIR": "/nonexistent"},
}
HOMELESS = ("HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME", "VAE_TUI_DATA", "TMPDIR", "MPLCONFIGDIR")


def environment(tmp_path: Path, changes: Mapping[str, str]) -> dict[str, str]:
    temporary = {} if "TMPDIR" in changes else {"TMPDIR": str(tmp_path / "tmp")}
    kept = {name: value for name, value in ENVIRONMENT.items() if name not in HOMELESS}
    return kept | {"OMP_NUM_THREADS": "1"} | temporary | dict(changes)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for part in ("here", "tmp"):
        (tmp_path / part).mkdir()
        (tmp_path / part).chmod(0o777)
    os.chmod(tmp_path, 0o755)  # noqa: PTH101
    return tmp_path / "here"


@pytest.fixture
def nobody() -> list[str]:
    """How to be a user of whom no list knows."""
    if reason := why_not():
        pytest.skip(reason)
    return AS_NOBODY


TRAIN = ["--preset", "ae", "--epochs", "1", "--batch-size", "2000", "--device", "cpu", "--runs-dir", "runs"]
COMMANDS = {
    "data": ["data"],
    "picture": ["latent", "ae-mnist", *RUNS, "--out", "latent.png"],
    "train": ["train", *TRAIN, "--name", "a-run"],
}


@pytest.mark.parametrize("home", UNUSABLE)
@pytest.mark.parametrize("command", ["data", "picture"])
def test_commands_do_without_a_home(folder: Path, home: str, command: str) -> None:
    words = [VAE_TUI, *COMMANDS[command]]
    tried = environment(folder.parent, UNUSABLE[home])
    done = subprocess.run(words, env=tried, cwd=folder, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert "atplotlib" not in done.stderr
    assert {path.name for path in folder.iterdir()} <= {"latent.png"}, "no folder is made where the user stands"


@pytest.mark.parametrize("command", COMMANDS)
def test_a_user_without_a_home_is_told_once_where_things_are_kept(
    nobody: list[str], folder: Path, command: str
) -> None:
    words = [*nobody, VAE_TUI, *COMMANDS[command]]
    tried = environment(folder.parent, {})
    done = subprocess.run(words, env=tried, cwd=folder, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    kept = folder.parent / "tmp" / f"vae-tui-{NUMBER}"
    assert done.stderr.count(f"vae-tui: there is no home folder: what is fetched or made is kept in {kept}\n") == 1
    assert (kept.stat().st_mode & 0o777, kept.stat().st_uid) == (0o700, NUMBER)
    if command == "train":
        assert Run(folder / "runs" / "a-run").state() is State.FINISHED


def test_a_completion_has_no_home_to_be_installed_in(nobody: list[str], folder: Path) -> None:
    words = [*nobody, VAE_TUI, "--install-completion"]
    tried = environment(folder.parent, {"SHELL": "/bin/bash"})
    done = subprocess.run(words, env=tried, cwd=folder, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode != 0
    assert "Traceback" not in done.stderr, done.stderr


def test_the_app_does_without_a_home(nobody: list[str], folder: Path) -> None:
    with Terminal([*nobody, VAE_TUI, *RUNS], folder, environment(folder.parent, {})) as terminal:
        terminal.wait_for("vae-mnist")
        terminal.press("\x10")  # the commands of Textual
        terminal.wait_for("Search for commands")
        terminal.press("screenshot")
        terminal.wait_for("Screenshot")
        terminal.press("\r")
        terminal.wait_for("Saved screenshot")
        terminal.press("q")
        assert terminal.wait_for_end() == 0
    assert [path.suffix for path in folder.iterdir()] == [".svg"]


@pytest.mark.parametrize("thing", ["a folder that others read", "a link", "a file"])
def test_nothing_is_loaded_from_a_temporary_folder_that_others_could_have_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, thing: str
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    place = tmp_path / f"vae-tui-{os.getuid()}"
    match thing:
        case "a link":
            place.symlink_to("/tmp")
        case "a file":
            place.touch(0o600)
        case _:
            place.mkdir()
            place.chmod(0o755)
    with pytest.raises(DamagedFile, match="is not a private folder of this user"):
        folders.temporary_dir()


def test_what_is_compiled_is_kept_elsewhere_where_the_home_takes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", "/proc/cache")
    assert folders.dir_for_made("kernels") == tmp_path / f"vae-tui-{os.getuid()}" / "kernels"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert folders.dir_for_made("kernels") == tmp_path / "cache" / "vae-tui" / "kernels"


# The current folder is gone

GONE = 'mkdir gone; cd gone; rmdir ../gone; exec "$@"'
SAID = "vae-tui: the current folder is gone: go to another one, or give whole paths\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["runs"], SAID),
        (["train", "--create-only"], SAID),
        (["latent", "ae-mnist", *RUNS, "--out", "latent.png"], SAID),
        (["sample", "ae-mnist", *RUNS, "--data-dir", "data"], SAID),
        (["runs", *RUNS], ""),
        (["sample", "ae-mnist", *RUNS, "--count", "1"], ""),
    ],
)
def test_a_command_needs_no_current_folder_but_for_relative_paths(folder: Path, words: list[str], said: str) -> None:
    done = subprocess.run(
        ["sh", "-c", GONE, "sh", VAE_TUI, *words],
        cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    complaints = done.stderr.replace("on mnist-5k: no mnist on disk\n", "")
    assert (done.returncode, complaints) == (2 if said else 0, said)


def test_the_app_goes_on_when_the_current_folder_is_deleted(folder: Path) -> None:
    with Terminal([VAE_TUI, *RUNS], folder, ENVIRONMENT) as terminal:
        terminal.wait_for("vae-mnist")
        folder.rmdir()
        terminal.press("\r")
        terminal.wait_for("2 training", "finished")
        terminal.press("4")
        terminal.wait_for("4 sample", "▀")  # PyTorch has computed
        terminal.press("e")
        terminal.wait_for("No such file or directory")
        terminal.press("q")
        assert terminal.wait_for_end() == 0
