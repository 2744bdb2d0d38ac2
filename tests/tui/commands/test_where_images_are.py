"""Commands say where the images of a run were read from, where that is not the folder that was named."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from core.runs.run import Run
from tests.conftest import CHECKPOINTS
from tests.support.image_sets import put
from tui.cli import main


def test_images_that_are_not_read_from_the_folder_that_was_named_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    first, other, runs = tmp_path / "first", tmp_path / "other", tmp_path / "runs"
    put("mnist", first), put("mnist", other)
    trained = Run(CHECKPOINTS / "vae-mnist")
    run = Run.create(runs, "vae", trained.config().model_copy(update={"data_dir": str(first), "holdout": 0}))
    run.write_weights(trained.read_weights())

    def said(*words: str) -> str:
        monkeypatch.setattr(sys, "argv", ["vae-tui", *words, "--runs-dir", str(runs), "--data-dir", str(other)])
        with pytest.raises(SystemExit):
            main()
        return capsys.readouterr().err

    note = f"the images are read from {first}, as the run was first trained on them there, and not from {other}\n"
    assert said("reconstruct", "vae", "--count", "2") == note
    assert said("sample", "vae", "--sampler", "prior", "--count", "2") == "", "no image is read for them"
    assert said("reconstruct", "vae", "--class", "12") == "vae-tui: no validation image is of class 12\n"
    shutil.rmtree(first)
    assert said("reconstruct", "vae", "--count", "2") == "", "they are read from the folder that was named"
