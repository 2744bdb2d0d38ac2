"""A training as a film: a picture of every moment, the newest one last, all of one size."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from core.errors import ConfigError, DamagedFile
from core.explorer.protocol import Explorer
from core.latents.options import ProjectionOptions
from core.runs.run import Run
from tests.support.explorers import FakeExplorer
from tui import timelapse

MOMENTS = [(12, 0.03), (150, 0.32), (938, 2.0)]


@pytest.fixture
def explorer() -> FakeExplorer:
    return FakeExplorer(Run(Path("vae")))


@pytest.mark.parametrize(
    ("shot", "size"),
    [
        (timelapse.of_reconstructions(), (867, 345)),
        (timelapse.of_samples("prior", seed=3), (867, 345)),
        (timelapse.of_samples("grid", count=16), (345, 345)),
        (timelapse.of_plane(ProjectionOptions()), (640, 640)),
    ],
)
def test_a_film_has_every_moment_and_the_newest(
    explorer: FakeExplorer, tmp_path: Path, shot: timelapse.Shot, size: tuple[int, int]
) -> None:
    pictures = timelapse.frames(explorer, MOMENTS, "vae", shot, pytest.fail)
    assert explorer.moments == [None, 12, 150, 938]
    assert {picture.size for picture in pictures} == {(size[0], size[1] + timelapse.CAPTION)}
    timelapse.save(tmp_path / "film.gif", pictures)
    with Image.open(tmp_path / "film.gif") as film:
        assert getattr(film, "n_frames", 1) == 4
        assert film.info["duration"] == 150
        film.seek(3)
        assert film.info["duration"] == 1500
    timelapse.save(tmp_path / "film.png", pictures)
    with Image.open(tmp_path / "film.png") as strip:
        assert strip.size == (3 * size[0], 2 * (size[1] + timelapse.CAPTION))


def test_reconstructions_grow_out_of_the_dark(explorer: FakeExplorer) -> None:
    pictures = timelapse.frames(explorer, MOMENTS, "vae", timelapse.of_reconstructions(), pytest.fail)
    light = [np.asarray(picture).astype(int).sum() for picture in pictures]
    assert light == sorted(light)


def test_moments_that_cannot_be_read_are_left_out_and_named(explorer: FakeExplorer) -> None:
    damaged = DamagedFile(Path("vae/snapshots/b"), "is damaged")

    def ask(asked: Explorer) -> Any:
        if isinstance(asked, FakeExplorer) and asked.moment == 150:
            raise damaged
        return whole.ask(asked)

    whole, said = timelapse.of_samples("prior"), list[str]()
    pictures = timelapse.frames(explorer, MOMENTS, "vae", timelapse.Shot(ask, whole.draw), said.append)
    assert len(pictures) == len(MOMENTS)
    (line,) = said
    assert line.endswith("is left out: snapshots: b: is damaged")
    assert "0.32" in line


def test_a_film_is_bounded_and_its_strip_ends_with_the_newest(explorer: FakeExplorer, tmp_path: Path) -> None:
    many = [(step, step / 100) for step in range(1, 1000)]
    pictures = timelapse.frames(explorer, many, "vae", timelapse.of_samples("prior", count=1000), pytest.fail)
    assert len(pictures) == timelapse.MOST_FRAMES
    assert pictures[0].width == timelapse.SCALE * (29 * timelapse.COLUMNS - 1)
    timelapse.save(tmp_path / "strip.png", pictures)
    with Image.open(tmp_path / "strip.png") as strip:
        last = strip.convert("RGB").crop((2 * 867, 3 * pictures[-1].height, 3 * 867, 4 * pictures[-1].height))
    assert np.abs(np.asarray(last).astype(int) - np.asarray(pictures[-1])).mean() < 4
    with pytest.raises(ConfigError, match=r"out must end in \.gif or \.png, not .film\.mp4"):
        timelapse.save(tmp_path / "film.mp4", pictures)
