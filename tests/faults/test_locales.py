"""18: Locales that are not UTF-8: every command prints what they have, and ASCII in place of the rest."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from core.jobs import launch
from core.runs.run import Run
from core.runs.status import State
from tests.conftest import CHECKPOINTS
from tests.support.hostile import VAE_TUI
from tests.support.terminal import ENVIRONMENT, Terminal

RUNS = ["--runs-dir", str(CHECKPOINTS)]
TRAIN = ["--preset", "ae", "--epochs", "1", "--batch-size", "2000", "--device", "cpu", "--dataset", "mnist-5k"]
COMMANDS = {
    "help": ["train", "--help"],
    "runs": ["runs", *RUNS],
    "json": ["runs", *RUNS, "--json"],
    "data": ["data"],
    "sample": ["sample", "ae-mnist", *RUNS, "--count", "1"],
    "reconstruct": ["reconstruct", "ae-mnist", *RUNS, "--count", "1"],
    "latent": ["latent", "ae-mnist", *RUNS],
    "evaluate": ["evaluate", "ae-mnist", "--runs-dir", "own", "--samples", "100", "--seeds", "1"],
    "sweep": ["sweep", *TRAIN, "--seed", "0-1", "--runs-dir", "r"],
    "train": ["train", *TRAIN, "--name", "a-run", "--runs-dir", "\xe9t\xe9"],
    "refused": ["resume", "nobody", "--runs-dir", "\xe9t\xe9"],
}
ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
LATIN = {"LANG": "en_US", "LC_ALL": "", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


@pytest.fixture(scope="session")
def latin(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """The locale of a German or French desktop of the nineties."""
    folder = tmp_path_factory.mktemp("locales")
    if shutil.which("localedef") is None:
        pytest.skip("there is no localedef to make a locale with")
    words = ["localedef", "-i", "en_US", "-f", "ISO-8859-1", str(folder / "en_US")]
    subprocess.run(words, capture_output=True, check=False)
    if not (folder / "en_US").exists():
        pytest.skip("localedef cannot make a locale here")
    return LATIN | {"LOCPATH": str(folder)}


@pytest.fixture(params=["ascii", "latin"])
def locale(request: pytest.FixtureRequest) -> dict[str, str]:
    chosen = ASCII if request.param == "ascii" else request.getfixturevalue("latin")
    return {**ENVIRONMENT, "OMP_NUM_THREADS": "1", **chosen}


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_prints_in_every_locale(locale: dict[str, str], tmp_path: Path, command: str) -> None:
    words = [VAE_TUI, *COMMANDS[command]]
    if command == "evaluate":  # which keeps what it finds in the run
        shutil.copytree(CHECKPOINTS / "ae-mnist", tmp_path / "own" / "ae-mnist")
    done = subprocess.run(words, cwd=tmp_path, env=locale, capture_output=True, timeout=110, check=False)
    said = done.stdout + done.stderr
    assert done.returncode == (2 if command == "refused" else 0), said
    assert b"Traceback" not in said
    assert b"\\u" not in done.stderr, "no sign is shown as its number"
    if command != "train" and command != "refused":
        said.decode("ascii" if locale["LC_ALL"] == "C" else "iso-8859-1")
    if command == "json":
        assert json.loads(done.stdout)
    if command == "train":
        (run,) = (Run(path.parent) for path in tmp_path.rglob("config.json"))
        assert run.state() is State.FINISHED
        run.log_path.read_bytes().decode("utf-8")


def test_a_trainer_logs_what_its_locale_cannot_print(make_run: Callable[..., Run]) -> None:
    run = make_run("a-run", preset="ae")
    config = json.loads((run.path / "config.json").read_text())
    (run.path / "config.json").write_text(json.dumps(config | {"of a newer version": 1}))
    renamed = Run(run.path.rename(run.path.with_name("\xe9t\xe9")))
    words = launch.command(renamed, renamed.config())
    ascii_only = os.environ | {"PYTHONIOENCODING": "ascii:strict"}
    done = subprocess.run(words, env=ascii_only, capture_output=True, timeout=100, check=False)
    assert done.returncode == 3, done.stdout
    assert "\xe9t\xe9 was written by a newer version" in done.stdout.decode("utf-8")


def test_the_app_shows_runs_in_a_locale_that_is_not_utf8(locale: dict[str, str], tmp_path: Path) -> None:
    with Terminal([VAE_TUI, *RUNS], tmp_path, locale) as terminal:
        terminal.wait_for("vae-mnist", "v finished")
        terminal.press("\r")
        terminal.wait_for("2 training", "v finished")
        terminal.press("q")
        assert terminal.wait_for_end() == 0
