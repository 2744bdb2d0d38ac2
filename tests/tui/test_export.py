"""Exports hold what was shown, land where they were asked to, and never cost another file."""

from __future__ import annotations

import csv
import os
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tui.drawing.curves import Curve
from tui.drawing.points import CLASS_COLORS
from tui.export import (
    ExportError,
    Panel,
    save_panels,
    save_picture,
    save_scatter,
    save_table,
    suffix_of,
    unused_path,
    write_file,
)

BLUE, ORANGE = (86, 180, 233), (230, 159, 0)
NOTHING = np.zeros(0)

pytestmark = pytest.mark.filterwarnings("error")  # a warning would be printed over the app


def falling(start: float = 200.0, color: tuple[int, int, int] | str = BLUE) -> Curve:
    x = np.linspace(0, 40, 500)
    return Curve("train", x, start * np.exp(-x / 10) + 20, color)


def save_plot(
    path: Path, curves: Sequence[Curve], *, title: str = "", y_label: str = "", x_label: str = "epoch", **options: bool
) -> None:
    save_panels(path, [Panel(title, curves, y_label)], x_label=x_label, **options)


def pixels_of(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        assert image.format == "PNG"
        return np.asarray(image.convert("RGB")).astype(int)


def count_of(pixels: np.ndarray, color: tuple[int, int, int]) -> int:
    return int((np.abs(pixels - color).max(axis=-1) <= 2).sum())


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
    with pytest.raises(ExportError, match=r"^out must end in \.png or \.csv, not '.+'$") as refusal:
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
    "panels": lambda path, **how: save_panels(path, [Panel("loss", [falling()])], **how),
    "scatter": lambda path, **how: save_scatter(path, np.zeros((1, 2)), np.zeros(1, int), **how),
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
    save_picture(tmp_path / "a.png", images, 2, scale=4, gap=1)
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
    save_picture(tmp_path / "one.png", images, 2, scale=1)
    save_picture(tmp_path / "five.png", images, 2, scale=5)
    one, five = pixels_of(tmp_path / "one.png"), pixels_of(tmp_path / "five.png")
    assert (five == one.repeat(5, axis=0).repeat(5, axis=1)).all()


def test_values_are_clipped_and_rounded_and_nan_is_black(tmp_path: Path) -> None:
    images = np.array([[[-1.0, 2.0, np.nan, np.inf, -np.inf, 0.999]]])
    save_picture(tmp_path / "a.png", images, 1, scale=1)
    assert pixels_of(tmp_path / "a.png")[0, :, 0].tolist() == [0, 255, 0, 255, 0, 255]


def test_fewer_images_than_columns_leave_no_empty_ones(tmp_path: Path) -> None:
    save_picture(tmp_path / "a.png", np.ones((3, 4, 4), np.float32), 10, scale=1, gap=0)
    assert pixels_of(tmp_path / "a.png").shape == (4, 12, 3)


@pytest.mark.parametrize(
    ("shape", "columns", "scale"), [((4, 4), 1, 1), ((0, 4, 4), 1, 1), ((1, 4, 4), 0, 1), ((1, 4, 4), 1, 0)]
)
def test_what_is_no_row_of_images_is_refused(tmp_path: Path, shape: tuple[int, ...], columns: int, scale: int) -> None:
    with pytest.raises(ValueError, match=rf"images are \({shape[0]}, 4.* in {columns} columns at scale {scale}, must"):
        save_picture(tmp_path / "a.png", np.zeros(shape, np.float32), columns, scale=scale)
    assert not list(tmp_path.iterdir())


# Curves


def test_curves_are_drawn_in_their_colors(tmp_path: Path) -> None:
    ends = np.arange(1.0, 40)
    points = Curve("validation", ends, 200 * np.exp(-ends / 10) + 22, ORANGE, "points")
    save_plot(tmp_path / "a.png", [falling(), points], title="loss", y_label="nats")
    pixels = pixels_of(tmp_path / "a.png")
    assert pixels.shape == (900, 1600, 3)
    assert count_of(pixels, BLUE) > 1000
    assert count_of(pixels, ORANGE) > 1000


def test_colors_may_be_whatever_rich_parses(tmp_path: Path) -> None:
    save_plot(tmp_path / "a.png", [falling(color="#56b4e9")])
    assert count_of(pixels_of(tmp_path / "a.png"), BLUE) > 1000


def test_dim_curves_are_paler(tmp_path: Path) -> None:
    solid = falling()
    save_plot(tmp_path / "a.png", [Curve(solid.label, solid.x, solid.y, BLUE, dim=True)])
    assert count_of(pixels_of(tmp_path / "a.png"), BLUE) == 0


def test_a_log_scale_leaves_out_zero_and_below(tmp_path: Path) -> None:
    x = np.arange(1.0, 101)
    y = np.exp(-x / 10)
    dotted = np.concatenate(([0.0, -1.0, np.nan], y))
    save_plot(tmp_path / "a.png", [Curve("a", x, y, BLUE)], log_scale=True)
    save_plot(tmp_path / "b.png", [Curve("a", np.append([1, 1, 1], x), dotted, BLUE)], log_scale=True)
    save_plot(tmp_path / "c.png", [Curve("a", x, y, BLUE)])
    straight, cleaned, bent = (pixels_of(tmp_path / name) for name in ("a.png", "b.png", "c.png"))
    assert (straight == cleaned).all()
    assert (straight != bent).any()


def test_a_million_steps_keep_their_single_peak(tmp_path: Path) -> None:
    y = np.ones(1_000_000)
    y[345_678] = 500
    save_plot(tmp_path / "a.png", [Curve("a", np.arange(1e6), y, BLUE)])
    column = (np.abs(pixels_of(tmp_path / "a.png") - BLUE).max(axis=-1) < 60).any(axis=1)
    assert column.sum() > 600


@pytest.mark.parametrize("log_scale", [False, True])
@pytest.mark.parametrize(
    "y",
    [
        NOTHING,
        np.array([np.nan]),
        np.array([3.0]),
        np.array([0.0, -1.0]),
        np.array([1e308, -1e308, np.inf]),
        np.ones(9),
    ],
    ids=["none", "nan", "one", "none above zero", "huge", "flat"],
)
def test_every_series_gives_a_plot(tmp_path: Path, y: np.ndarray, log_scale: bool) -> None:
    curves = [Curve("a", np.arange(float(len(y))), y, BLUE, style) for style in ("line", "points")]
    save_plot(tmp_path / "a.png", curves, log_scale=log_scale)
    assert pixels_of(tmp_path / "a.png").shape == (900, 1600, 3)


def test_a_single_step_is_seen(tmp_path: Path) -> None:
    save_plot(tmp_path / "none.png", [Curve("a", NOTHING, NOTHING, BLUE)])
    save_plot(tmp_path / "one.png", [Curve("a", np.ones(1), np.ones(1), BLUE)])
    none, one = (count_of(pixels_of(tmp_path / name), BLUE) for name in ("none.png", "one.png"))
    assert one > none + 20


def test_names_are_shown_as_they_are(tmp_path: Path) -> None:
    x = np.arange(2.0)
    save_plot(tmp_path / "a.png", [Curve(r"$\frac$", x, x, BLUE)], title="$", x_label="$_$", y_label="a_$b^c$")
    save_plot(tmp_path / "b.png", [Curve("_run", x, x, BLUE)])
    save_plot(tmp_path / "c.png", [Curve("", x, x, BLUE)])
    assert (pixels_of(tmp_path / "b.png") != pixels_of(tmp_path / "c.png")).any()


def test_three_panels_stand_as_on_the_training_screen(tmp_path: Path) -> None:
    colors = (BLUE, ORANGE, (0, 158, 115))
    panels = [Panel(f"panel {number}", [falling(color=color)]) for number, color in enumerate(colors)]
    save_panels(tmp_path / "a.png", panels)
    pixels = pixels_of(tmp_path / "a.png")
    assert pixels.shape == (1350, 1600, 3)
    parts = {"top": pixels[:675], "left": pixels[675:, :800], "right": pixels[675:, 800:]}
    found = {part: [count_of(region, color) > 300 for color in colors] for part, region in parts.items()}
    assert found == {"top": [True, False, False], "left": [False, True, False], "right": [False, False, True]}


def test_without_panels_nothing_is_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="0 panels"):
        save_panels(tmp_path / "a.png", [])
    assert not list(tmp_path.iterdir())


# Scatters


def test_points_and_legend_have_the_colors_of_the_classes_present(tmp_path: Path) -> None:
    points = np.random.default_rng(0).standard_normal((100, 2))
    save_scatter(tmp_path / "a.png", points, np.arange(100) % 2 * 2, title="latents")
    pixels = pixels_of(tmp_path / "a.png")
    assert pixels.shape == (1200, 1400, 3)
    legend = pixels[:, 1300:]
    assert [count_of(legend, color) > 20 for color in CLASS_COLORS[:3]] == [True, False, True]
    assert count_of(pixels[:, :1300], (128, 175, 255)) > 300  # half of the first: overlaps stay visible


def test_a_scatter_leaves_out_what_is_not_finite(tmp_path: Path) -> None:
    points = np.array([[0.0, 0.0], [1.0, 1.0], [np.nan, 0.0], [np.inf, 1.0], [1e300, 1.0]])
    save_scatter(tmp_path / "a.png", points, np.zeros(5, int))
    save_scatter(tmp_path / "b.png", points[:2], np.zeros(2, int))
    assert (pixels_of(tmp_path / "a.png") == pixels_of(tmp_path / "b.png")).all()


def test_no_points_give_an_empty_scatter(tmp_path: Path) -> None:
    save_scatter(tmp_path / "a.png", np.zeros((0, 2)), np.zeros(0, int))
    assert pixels_of(tmp_path / "a.png").shape == (1200, 1400, 3)


@pytest.mark.parametrize(
    ("points", "classes", "message"),
    [
        (np.zeros((3, 2)), np.zeros(2, int), r"points are \(3, 2\) of classes \(2,\)"),
        (np.zeros((3, 3)), np.zeros(3, int), r"points are \(3, 3\)"),
        (np.zeros((2, 2)), np.array([0, 10]), "classes are 0 to 10, must be 0 to 9"),
        (np.zeros((2, 2)), np.array([-1, 0]), "classes are -1 to 0"),
    ],
)
def test_a_scatter_that_does_not_fit_together_is_refused(
    tmp_path: Path, points: np.ndarray, classes: np.ndarray, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        save_scatter(tmp_path / "a.png", points, classes)


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


# The process


def run_python(code: str, *arguments: str, **environment: str) -> str:
    ran = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert ran.stderr == ""
    return ran.stdout.strip()


def test_importing_it_loads_neither_matplotlib_nor_pillow() -> None:
    heavy = '{"matplotlib", "PIL", "plotext", "torch"}'
    assert run_python(f"import sys, tui.export; print({heavy} & set(sys.modules))") == "set()"


def test_plots_need_no_display_and_choose_no_backend(tmp_path: Path) -> None:
    code = """
import sys, threading
import numpy as np
from pathlib import Path
from tui.export import Panel, save_panels
from tui.drawing.curves import Curve
curves = [Curve("a", np.arange(9.0), np.arange(9.0), "red")]
thread = threading.Thread(target=save_panels, args=(Path(sys.argv[1]), [Panel("loss", curves)]))
thread.start()
thread.join()
print("matplotlib.pyplot" in sys.modules)
"""
    path = tmp_path / "a.png"
    assert run_python(code, str(path), MPLBACKEND="tkagg", DISPLAY="") == "False"
    assert pixels_of(path).shape == (900, 1600, 3)
