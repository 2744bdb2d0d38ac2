"""vae-tui sample --nearest: samples and validation images beside the training images nearest to them."""

from __future__ import annotations

import csv
import re
import sys
from pathlib import Path

import numpy as np
import pytest

from core.data.images import load_image_set
from tests.support.pictures import pixels_of
from tui.cli import main

SHIPPED = Path(__file__).parents[3] / "checkpoints"


def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    where = ["--runs-dir", str(SHIPPED), "--data-dir", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", ["vae-tui", "sample", "vae-mnist", "--nearest", *words, *where])
    with pytest.raises(SystemExit) as end:
        main()
    return int(end.value.code or 0)


def test_samples_and_validation_images_stand_above_their_nearest_training_images(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert call(tmp_path, monkeypatch, "--count", "3") == 0
    shown = capsys.readouterr()
    assert shown.err == "on mnist-5k: no mnist on disk\n"
    heading, said, *lines = shown.out.splitlines()
    assert heading == "vae-mnist: samples from the prior N(0, I), temperature 1, seed 0"
    assert said == "below each the nearest of 4,000 training images, its class, how far its pixels are"
    medians = [float(line.split()[-1][:-1]) for line in lines if "median" in line]
    captions = [line for line in lines if re.fullmatch(r"( \d  \d\.\d +){3}", line)]
    assert len(captions) == 2
    assert len(lines) == 2 * (1 + 14 + 1)
    for median, caption in zip(medians, captions, strict=True):
        assert sorted(caption.split()[1::2])[1] == f"{median:.1f}"


def test_a_picture_has_samples_on_the_left_and_a_table_says_which_images_are_nearest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture, table = tmp_path / "near.png", tmp_path / "near.csv"
    for out in (picture, table):
        assert call(tmp_path, monkeypatch, "--count", "5", "--out", str(out)) == 0
    with table.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["of"] for row in rows] == ["sample"] * 5 + ["validation"] * 5
    lines = np.pad(pixels_of(picture)[2::4, 2::4, 0], (0, 1))  # a pixel lies between two images
    cells = lines.reshape(4, 29, 9, 29).swapaxes(1, 2)[..., :28, :28]
    images = load_image_set("mnist-5k").train_images[:, 2:-2, 2:-2].numpy()
    for place, row in enumerate(rows):
        line, column = 2 * (place % 5 // 4), place % 5 % 4 + (5 if row["of"] == "validation" else 0)
        assert (cells[line + 1, column] == images[int(row["nearest"])]).all()
        apart = np.linalg.norm((cells[line, column] - images[int(row["nearest"])].astype(int)) / 255)
        assert apart == pytest.approx(float(row["distance"]), abs=0.05)
    assert not cells[:, 4].any()


def test_arrays_are_not_written_of_neighbours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(tmp_path, monkeypatch, "--out", "near.npz") == 2
    assert capsys.readouterr().err == "vae-tui: out must end in .png or .csv, not 'near.npz'\n"
