"""The pictures of the README and the docs: the app in a terminal, taken of the runs that come with the repository.

`python -m tests.pictures docs [--only NAME] [--runs-dir DIR] [--data-dir DIR]`: the latents are those of full MNIST,
where the last DIR has it. Those of a sweep and of a fork train their runs before, in a minute or two.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib
from PIL import Image, ImageDraw, ImageFont
from pyte.screens import Char

from core import program
from tests.support.terminal import ENVIRONMENT, Terminal

ROOT = Path(__file__).parents[1]
SIZE = (120, 40)
CELL = (12, 24)  # so that half a block is square
POINTS = 20
FONTS = {
    bold: ImageFont.truetype(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / f"{name}.ttf", POINTS)
    for bold, name in ((False, "DejaVuSansMono"), (True, "DejaVuSansMono-Bold"))
}
TEXT, BACKGROUND = "e0e0e0", "121212"
BRAILLE = 0x2800
# Left, top, right and bottom of what is filled, in halves of a cell.
BLOCKS = {"▀": (0, 0, 2, 1), "▄": (0, 1, 2, 2), "█": (0, 0, 2, 2), "▌": (0, 0, 1, 2), "▐": (1, 0, 2, 2)}
# Where the eight dots of a braille cell are, by their bits.
DOTS = [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (0, 3), (1, 3)]
DOT = 1.8  # radius


@dataclass(frozen=True)
class Picture:
    """What is typed, and what the screen shows then; each key after what is awaited before it.

    Where there are commands of `vae-tui` that train, the runs are those that they make.
    """

    run: str
    keys: tuple[tuple[str, str], ...]
    awaited: tuple[str, ...]
    gone: str = ""  # what is shown before, and no more
    trained: tuple[tuple[str, ...], ...] = ()
    command: tuple[str, ...] = ("open",)  # and options besides the run


PICTURES = {
    "training": Picture("vae-mnist", (("left", "★ best"),), ("validation", "▀▀▀", "epoch ")),
    "reconstruct": Picture("vae-mnist", (("3", "epoch"),), ("error", "▀▀▀")),
    "sketch": Picture(
        "vae-mnist", (("3", "epoch"), ("b", "error"), ("a two", "puts the pen down")), ("takes it for", "nearest")
    ),
    "sample": Picture("prior-mnist", (("4", "epoch"),), ("samples", "▀▀▀", "walk"), ": step "),
    "quality-vae": Picture("vae-mnist", (("4", "epoch"),), ("samples", "▀▀▀", "walk")),
    "quality-vae-post": Picture("vae-post-mnist", (("4", "epoch"),), ("samples", "▀▀▀", "walk")),
    "neighbours": Picture(
        "prior-mnist", (), ("validation images", "▀▀▀"), command=("sample", "--nearest", "--count", "7")
    ),
    "latent": Picture("ae-mnist", (("5", "epoch"),), ("accuracy", "nearest")),
    "density": Picture(
        "vae-mnist", (("5", "epoch"), ("v", "nearest"), ("v", "nearest"), ("o", "common")), ("PCA", "common")
    ),
    "decoded": Picture("vae-mnist", (("5", "epoch"), *(("v", "nearest"),) * 4), ("decoded in the plane", "nearest")),
    "time-machine": Picture(
        "vae-mnist",
        (("5", "epoch"), (";", "accuracy"), ("f", "as fitted"), ("earlier", "fitted to this"), ("", "still")),
        ("fitted to this", "nearest"),
        gone="still",
    ),
    "completion": Picture(
        "prior-mnist",
        (
            ("3", "epoch"),
            ("b", "error"),
            ("a two", "puts the pen down"),
            ("c", "takes it for"),
            ("\r", "half is hidden"),
        ),
        ("6 answers", "what it sees"),
    ),
    "flow": Picture(
        "prior-mnist",
        (("5", "epoch"), ("a", "accuracy"), ("a", "step 12 of 20"), ("", "; : moves")),
        ("particles", "step 12 of 20", "▀▀▀"),
    ),
    "compare": Picture("vae-mnist", (("6", "epoch"),), ("Fréchet distance", "◆")),
    "sweep": Picture(
        "",
        (("W", "finished"), ("j", "lowest"), ("v", "cursor")),
        ("best  ⠒⠒ cursor", "8 finished"),
        trained=(
            (
                *("sweep", "--name", "try", "--dataset", "mnist-5k", "--device", "cpu", "--epochs", "3"),
                *("--trials", "8", "--learning-rate", "1e-3..1e-2", "--batch-size", "64,128", "--beta", "0.1..1"),
            ),
        ),
    ),
    "fork": Picture(
        "vae-beta3",
        (("6", "epoch"),),
        ("vae-beta3 and vae", "fork vae-beta3"),
        trained=(
            (
                *("train", "--preset", "vae", "--dataset", "mnist-5k", "--device", "cpu", "--epochs", "12"),
                *("--validate-every", "1", "--name", "vae"),
            ),
            ("fork", "vae", "--at", "6", "--beta", "3", "--name", "vae-beta3"),
        ),
    ),
}
# Cells of the sheet that the pencil passes on its way along a 2.
TWO = ((16, 11), (22, 7), (30, 6), (37, 8), (39, 12), (34, 17), (26, 22), (18, 26), (16, 27), (28, 27), (41, 27))


def drawn(cells: Sequence[tuple[int, int]]) -> str:
    """What a terminal sends while the mouse is dragged along these."""
    moves = "".join(f"\x1b[<32;{column};{line}M" for column, line in cells)
    return f"\x1b[<0;{cells[0][0]};{cells[0][1]}M{moves}\x1b[<0;{cells[-1][0]};{cells[-1][1]}m"


NAMES = {"left": 30 * "\x1b[D", "earlier": 6 * ";", "a two": drawn(TWO)}


def take(picture: Picture, runs_dir: Path, data_dir: str | None) -> Image.Image:
    """The picture, of a terminal of 16 million colours."""
    with tempfile.TemporaryDirectory() as state:
        if picture.trained:
            runs_dir = Path(state) / "checkpoints"
        for command, *words in picture.trained:
            subprocess.run([*program.words(command), *words, "--runs-dir", str(runs_dir)], cwd=ROOT, check=True)
        command, *options = picture.command
        words = [*program.words(command), *filter(None, [picture.run]), *options, "--runs-dir", str(runs_dir)]
        words += ["--data-dir", data_dir] if data_dir else []
        environment = ENVIRONMENT | {"COLORTERM": "truecolor", "XDG_STATE_HOME": state, "XDG_CONFIG_HOME": state}
        with Terminal(words, ROOT, environment, SIZE) as terminal:
            for key, awaited in picture.keys:
                terminal.wait_for(awaited)
                terminal.press(NAMES.get(key, key))
            while picture.gone and picture.gone in terminal.wait_for(*picture.awaited):
                pass
            terminal.wait_for(*picture.awaited)
            terminal.read(3.0)  # what still comes
            return draw(terminal.cells())


def draw(rows: list[list[Char]]) -> Image.Image:
    """The cells of a terminal; blocks and braille are drawn as terminals do, without gaps."""
    width, height = CELL
    image = Image.new("RGB", (width * len(rows[0]), height * len(rows)), f"#{BACKGROUND}")
    pencil = ImageDraw.Draw(image)
    for row, cells in enumerate(rows):
        for column, cell in enumerate(cells):
            draw_cell(pencil, column * width, row * height, cell)
    return image


def draw_cell(pencil: ImageDraw.ImageDraw, x: int, y: int, cell: Char) -> None:
    """One cell, whose upper left corner is there."""
    width, height = CELL
    ink, paper = (f"#{TEXT}" if cell.fg == "default" else f"#{cell.fg}"), f"#{BACKGROUND}"
    paper = paper if cell.bg == "default" else f"#{cell.bg}"
    if cell.reverse:
        ink, paper = paper, ink
    pencil.rectangle((x, y, x + width - 1, y + height - 1), fill=paper)
    if cell.data in BLOCKS:
        left, top, right, bottom = BLOCKS[cell.data]
        right, bottom = x + right * width // 2 - 1, y + bottom * height // 2 - 1
        pencil.rectangle((x + left * width // 2, y + top * height // 2, right, bottom), fill=ink)
    elif BRAILLE <= ord(cell.data[:1] or " ") < BRAILLE + 256:
        for bit, (across, down) in enumerate(DOTS):
            if ord(cell.data) - BRAILLE >> bit & 1:
                middle = x + (across + 0.5) * width / 2, y + (down + 0.5) * height / 4
                pencil.ellipse((middle[0] - DOT, middle[1] - DOT, middle[0] + DOT, middle[1] + DOT), fill=ink)
    elif cell.data.strip():
        pencil.text((x, y), cell.data, ink, FONTS[cell.bold])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", choices=PICTURES, action="append")
    parser.add_argument("--runs-dir", type=Path, default=ROOT / "checkpoints")
    parser.add_argument("--data-dir")
    given = parser.parse_args()
    for name in given.only or PICTURES:
        path = given.folder / f"{name}.png"
        take(PICTURES[name], given.runs_dir, given.data_dir).quantize(256).save(path, optimize=True)
        print(path, file=sys.stderr)


if __name__ == "__main__":
    main()
