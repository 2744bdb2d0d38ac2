"""Exports hold what was shown, land where they were asked to, and never cost another file."""

from __future__ import annotations

import csv
import os
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from core.errors import ConfigError, DamagedFile
from tests.support.pictures import BLUE, pixels_of
from tui.drawing.plots.curves import Curve
from tui.export import save_picture, save_table, suffix_of, unused_path, write_file
from tui.export_plots import save_curves, save_scatter, save_tiles
from tui.panels import Panel, TilePage

NOTHING = np.zeros(0)
ONE_TILE = np.zeros((1, 1, 4, 4), np.float32)


# A warning would be printed over the app, unless it is for developers only.
pytestmark = pytest.mark.filterwarnings("error", "ignore::DeprecationWarning")


def falling(start: float = 200.0, color: tuple[int, int, int] | str = BLUE) -> Curve:
    x = np.linspace(0, 40, 500)
    return Curve("train", x, start * np.exp(-x / 10) + 20, color)


def rows_of(path: Path) -> list[list[str]]:
    with path.open(newline="") as file:
        return list(csv.reader(file))


@contextmanager
def files_up_to(size: int) -> Iterator[None]:
    """A disk that is full once a file has `size` bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


# Names
@pytest.mark.parametrize(("name", "suffix"), [("a.png", ".png"), ("out/b.csv", ".csv"), ("C.PNG", ".png")])
def test_the_ending_says_what_is_written(name: str, suffix: str) -> None:
    assert suffix_of(Path(name)) == suffix


@pytest.mark.parametrize("name", ["a.pdf", "a", ".png", "a.png.gz", "a.\x1b[2J"])
def test_other_endings_are_refused_in_one_line(name: str) -> None:
    with pytest.raises(ConfigError, match=r"^out must end in \.png or \.csv, not '.+'$") as refusal:
        suffix_of(Path(name))
    assert str(refusal.value).isprintable()


def test_an_unused_path_follows_those_that_are_there(tmp_path: Path) -> None:
    taken = []
    for _ in range(3):
        taken.append(unused_path(tmp_path, "vae-mnist-loss", ".png"))
        taken[-1].touch()
    assert [path.name for path in taken] == ["vae-mnist-loss.png", "vae-mnist-loss-2.png", "vae-mnist-loss-3.png"]
    assert unused_path(tmp_path, "vae-mnist-loss", ".csv").name == "vae-mnist-loss.csv"


def test_a_link_that_leads_nowhere_is_no_unused_path(tmp_path: Path) -> None:
    (tmp_path / "loss.png").symlink_to(tmp_path / "elsewhere")
    assert unused_path(tmp_path, "loss", ".png").name == "loss-2.png"


# Files
def test_a_new_file_never_takes_the_place_of_another(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    write_file(path, b"first", replace=False)
    with pytest.raises(FileExistsError):
        write_file(path, b"second", replace=False)
    assert path.read_bytes() == b"first"


def test_replacing_leaves_nothing_of_the_longer_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"a long old content")
    write_file(path, b"new", replace=True)
    assert path.read_bytes() == b"new"


def test_a_file_is_readable_for_others_as_far_as_the_umask_lets(tmp_path: Path) -> None:
    old = os.umask(0o027)
    try:
        write_file(tmp_path / "a.csv", b"", replace=False)
    finally:
        os.umask(old)
    assert (tmp_path / "a.csv").stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("replace", [True, False])
def test_a_missing_folder_is_named_and_not_made(tmp_path: Path, replace: bool) -> None:
    with pytest.raises(FileNotFoundError) as error:
        write_file(tmp_path / "nowhere" / "a.csv", b"", replace=replace)
    assert Path(error.value.filename) == tmp_path / "nowhere"
    assert not (tmp_path / "nowhere").exists()


def test_a_full_disk_leaves_no_part_of_a_new_file(tmp_path: Path) -> None:
    with files_up_to(1000), pytest.raises(OSError):
        write_file(tmp_path / "a.csv", bytes(100_000), replace=False)
    assert not list(tmp_path.iterdir())


SAVES: dict[str, Callable[..., None]] = {
    "picture": lambda path, **how: save_picture(path, np.zeros((2, 4, 4), np.float32), 2, **how),
    "panels": lambda path, **how: save_curves(path, [Panel("loss", [falling()])], **how),
    "scatter": lambda path, **how: save_scatter(path, np.zeros((1, 2)), np.zeros(1, int), **how),
    "tiles": lambda path, **how: save_tiles(
        path, TilePage(np.zeros((2, 1, 4, 4), np.float32), 2, ["", ""], "a"), **how
    ),
    "table": lambda path, **how: save_table(path, {"x": [1]}, **how),
}


@pytest.mark.parametrize("what", SAVES)
def test_every_export_keeps_an_old_file_until_told_to_replace_it(tmp_path: Path, what: str) -> None:
    path = tmp_path / "old"
    path.write_bytes(b"old")
    with pytest.raises(FileExistsError):
        SAVES[what](path)
    assert path.read_bytes() == b"old"
    SAVES[what](path, replace=True)
    assert path.read_bytes() != b"old"


# Pictures
def test_a_picture_has_the_pixels_of_its_images(tmp_path: Path) -> None:
    images = np.stack([np.full((2, 3), 0.2), np.full((2, 3), 0.4), np.full((2, 3), 1.0)])
    save_picture(tmp_path / "a.png", images, 2)
    with Image.open(tmp_path / "a.png") as image:
        assert (image.mode, image.size) == ("L", (4 * (3 + 1 + 3), 4 * (2 + 1 + 2)))
        shown = np.asarray(image)[::4, ::4]
    assert shown.tolist() == [
        [51, 51, 51, 0, 102, 102, 102],
        [51, 51, 51, 0, 102, 102, 102],
        [0, 0, 0, 0, 0, 0, 0],
        [255, 255, 255, 0, 0, 0, 0],
        [255, 255, 255, 0, 0, 0, 0],
    ]


def test_enlarging_makes_squares_of_one_grey(tmp_path: Path) -> None:
    images = np.random.default_rng(0).random((4, 8, 8), dtype=np.float32)
    save_picture(tmp_path / "a.png", images, 2)
    pixels = pixels_of(tmp_path / "a.png")
    assert (pixels == pixels[::4, ::4].repeat(4, axis=0).repeat(4, axis=1)).all()


def test_values_are_clipped_and_rounded_and_nan_is_black(tmp_path: Path) -> None:
    images = np.array([[[-1.0, 2.0, np.nan, np.inf, -np.inf, 0.999]]])
    save_picture(tmp_path / "a.png", images, 1)
    assert pixels_of(tmp_path / "a.png")[0, ::4, 0].tolist() == [0, 255, 0, 255, 0, 255]


def test_fewer_images_than_columns_leave_no_empty_ones(tmp_path: Path) -> None:
    save_picture(tmp_path / "a.png", np.ones((3, 4, 4), np.float32), 10)
    assert pixels_of(tmp_path / "a.png").shape == (4 * 4, 4 * (3 * 4 + 2), 3)


@pytest.mark.parametrize(("shape", "columns"), [((4, 4), 1), ((0, 4, 4), 1), ((1, 4, 4), 0)])
def test_what_is_no_row_of_images_is_refused(tmp_path: Path, shape: tuple[int, ...], columns: int) -> None:
    with pytest.raises(ValueError, match=rf"images are \({shape[0]}, 4.* in {columns} columns, must"):
        save_picture(tmp_path / "a.png", np.zeros(shape, np.float32), columns)
    assert not list(tmp_path.iterdir())


# Tables
def test_a_table_reads_back_as_it_was(tmp_path: Path) -> None:
    loss = np.array([0.1, 1 / 3, 1e-300, np.inf])
    columns = {"epoch": np.arange(1, 5), "loss": loss, "small": loss[:2].repeat(2).astype(np.float32)}
    save_table(tmp_path / "a.csv", columns | {"run": ["a", "b, c", 'd "e"', "=1+1"]})
    header, *rows = rows_of(tmp_path / "a.csv")
    assert header == ["epoch", "loss", "small", "run"]
    assert [row[0] for row in rows] == ["1", "2", "3", "4"]
    assert [float(row[1]) for row in rows] == loss.tolist()
    assert [row[2] for row in rows] == ["0.1", "0.1", "0.33333334", "0.33333334"]
    assert [row[3] for row in rows] == ["a", "b, c", 'd "e"', "=1+1"]


def test_nan_and_none_are_empty_cells(tmp_path: Path) -> None:
    columns: dict[str, Any] = {"step": [1, 2], "a": np.array([np.nan, 1.5]), "b": [None, float("nan")]}
    save_table(tmp_path / "a.csv", columns)
    assert (tmp_path / "a.csv").read_bytes() == b"step,a,b\n1,,\n2,1.5,\n"


def test_columns_without_rows_are_a_header(tmp_path: Path) -> None:
    save_table(tmp_path / "a.csv", {"step": [], "loss": NOTHING})
    assert rows_of(tmp_path / "a.csv") == [["step", "loss"]]


@pytest.mark.parametrize("loss", [np.zeros(2), np.zeros((3, 2))])
def test_columns_that_differ_are_named(tmp_path: Path, loss: np.ndarray) -> None:
    with pytest.raises(ValueError, match=rf"one length, not step \(3,\), loss \({loss.shape[0]},"):
        save_table(tmp_path / "a.csv", {"step": [1, 2, 3], "loss": loss})
    assert not list(tmp_path.iterdir())


def test_importing_it_loads_neither_matplotlib_nor_pillow() -> None:
    code = (
        'import sys, tui.export, tui.export_plots; print({"matplotlib", "PIL", "plotext", "torch"} & set(sys.modules))'
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert loaded.stdout.strip() == "set()"


def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.gif")
    with pytest.raises(DamagedFile, match=r"a\.gif: is not a regular file"):
        write_file(tmp_path / "a.gif", b"", replace=True)
