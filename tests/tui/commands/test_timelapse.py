"""vae-tui timelapse refuses in one line what it cannot film."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from core.runs.run import Run
from tui.cli import main


@pytest.mark.parametrize(
    ("preset", "words", "said"),
    [
        ("vae", ["--out", "film.gif"], "film has no snapshots of its training: runs keep them while they train"),
        ("prior", ["--out", "film.gif"], "film is a learned prior, of which no snapshots are kept"),
        ("vae", ["--out", "film.mp4"], "out must end in .gif or .png, not 'film.mp4'"),
        ("vae", ["--out", "no/film.gif"], "out cannot be no/film.gif: there is no folder no"),
        ("vae", ["--out", "film.gif", "--what", "curves"], "what must be reconstruct, sample or latent, not 'curves'"),
        ("vae", ["--out", "film.gif", "--fit-each"], "--fit-each goes with --what latent, not with reconstruct"),
    ],
)
def test_what_cannot_be_filmed_is_one_line(
    make_run: Callable[..., Run],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    preset: str,
    words: list[str],
    said: str,
) -> None:
    run = make_run("film", preset=preset)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["vae-tui", "timelapse", "film", "--runs-dir", str(run.path.parent), *words])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code
    assert said in " ".join(capsys.readouterr().err.split())
    assert not list(tmp_path.glob("film.*"))
