"""`train --dry-run` looks at the images: it refuses what the training would, says what was found, fetches nothing."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.data import download
from tui.cli import main

Tried = Callable[[str], tuple[object, str, str]]


@pytest.fixture
def tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Tried:
    """The exit status, output and errors of a dry run on a data set."""
    monkeypatch.chdir(tmp_path)

    def run(dataset: str) -> tuple[object, str, str]:
        words = ["train", "--dataset", dataset, "--dry-run", "--runs-dir", "runs", "--data-dir", "sets"]
        monkeypatch.setattr(sys, "argv", ["vae-tui", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        return ended.value.code or 0, *capsys.readouterr()

    return run


@pytest.mark.parametrize("dataset", ["folder:nope", "npz:nope.npz", "idx:nope", "folder:broken"])
def test_images_that_the_training_would_refuse_are_refused(dataset: str, tried: Tried, tmp_path: Path) -> None:
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "one.png").write_bytes(b"no picture")
    status, printed, said = tried(dataset)
    assert status == 2
    assert printed == "", "nothing is said of what cannot be trained"
    assert dataset.partition(":")[2] in said


def test_what_was_found_is_said(tried: Tried, tmp_path: Path) -> None:
    for name in ("anchor", "boat"):
        (tmp_path / "pictures" / name).mkdir(parents=True)
        for number in range(75):
            Image.fromarray(np.full((28, 28), number, np.uint8)).save(tmp_path / "pictures" / name / f"{number}.png")
    status, printed, _ = tried("folder:pictures")
    assert status == 0
    assert "125 images to train on, 25 to validate on, 2 classes: 0 anchor, 1 boat" in " ".join(printed.split())
    assert not (tmp_path / "runs").exists()


def test_a_set_that_is_not_there_is_said_to_be_downloaded_and_is_not(
    tried: Tried,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(download, "download", lambda *given: pytest.fail("it was downloaded"))
    status, printed, _ = tried("kmnist")
    assert status == 0
    assert "it is downloaded first" in " ".join(printed.split())
    assert not (tmp_path / "sets").exists()
