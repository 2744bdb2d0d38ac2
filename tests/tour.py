"""The moving picture of the README: a session from a key press to digits, as it was.

`python -m tests.tour docs/tour.gif`
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import psutil
from PIL import Image

from core import program
from core.runs.run import Run
from tests.pictures import ROOT, draw
from tests.support.terminal import ENVIRONMENT, Terminal

SIZE = (100, 30)
WIDTH = 900  # pixels
ENTER = "\r"


@dataclass(frozen=True)
class Scene:
    """A key, what the screen shows then, and pictures of it, so many with so many seconds between them."""

    key: str
    awaited: tuple[str, ...]
    pictures: int = 1
    seconds: float = 1.5


SCENES = (
    Scene("", ("vae-mnist",)),
    Scene("n", ("start training",), seconds=2.5),
    Scene("\x13", ("running", "▀▀▀"), pictures=20, seconds=0.7),
    Scene("m", ("smooth",), pictures=3, seconds=0.7),
    Scene("3", ("error", "▀▀▀"), seconds=2.5),
    Scene("4", (", seed ", "▀▀▀"), seconds=2.0),
    Scene(">", (", seed ", "▀▀▀"), seconds=1.5),
    Scene("5", ("nearest",), seconds=2.5),
    Scene(10 * "\x1b[C", ("nearest",), seconds=1.0),
    Scene(ENTER, ("channel 0",), seconds=2.5),
)


def take() -> list[tuple[Image.Image, float]]:
    """The pictures in order, each with the seconds that it is shown."""
    taken = []
    with tempfile.TemporaryDirectory() as folder:
        runs = Path(folder) / "checkpoints"
        shutil.copytree(ROOT / "checkpoints", runs, ignore=shutil.ignore_patterns("README.md"))
        environment = ENVIRONMENT | {"COLORTERM": "truecolor", "XDG_STATE_HOME": folder, "XDG_CONFIG_HOME": folder}
        words = [*program.words("open"), "--runs-dir", str(runs), "--data-dir", folder]
        before = {path.name for path in runs.iterdir()}
        with Terminal(words, Path(folder), environment, SIZE) as terminal:
            try:
                for scene in SCENES:
                    terminal.press(scene.key)
                    terminal.wait_for(*scene.awaited)
                    for _ in range(scene.pictures):
                        terminal.read(scene.seconds)
                        taken.append((draw(terminal.cells()), scene.seconds))
            finally:
                for path in runs.iterdir():
                    if path.name not in before:
                        end(Run(path))
    return taken


def end(run: Run) -> None:
    """Have no trainer left behind."""
    trainer = psutil.Process(run.status().pid)
    assert trainer.pid != os.getpid()
    trainer.kill()
    psutil.wait_procs([trainer], timeout=10)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("path", type=Path)
    given = parser.parse_args()
    taken = take()
    height = WIDTH * taken[0][0].height // taken[0][0].width
    pictures = [picture.resize((WIDTH, height), Image.Resampling.LANCZOS) for picture, _ in taken]
    together = Image.new("RGB", (WIDTH, height * len(pictures)))
    for place, picture in enumerate(pictures):
        together.paste(picture, (0, place * height))
    palette = together.quantize(256, Image.Quantize.MAXCOVERAGE)  # rare colours count as much as common ones
    first, *others = [picture.quantize(palette=palette, dither=Image.Dither.NONE) for picture in pictures]
    durations = [round(1000 * seconds) for _, seconds in taken]
    first.save(given.path, save_all=True, append_images=others, duration=durations, loop=0, optimize=True)


if __name__ == "__main__":
    main()
