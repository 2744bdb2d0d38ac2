"""A run's snapshots are found by step, whatever else lies in their folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from core.errors import DamagedFile
from core.models.weights import load_autoencoder
from core.runs.snapshots.folder import Snapshot, file_name, folder_of, snapshots_of, version_of
from tests.conftest import make_trained_run
from tests.support.moments import make_snapshots


def header(text: bytes, said: int | None = None) -> bytes:
    return (len(text) if said is None else said).to_bytes(8, "little") + text


def test_snapshots_come_by_step_and_load_as_weights_do(runs_dir: Path) -> None:
    run = make_trained_run(runs_dir, "vae")
    assert snapshots_of(run) == ()
    assert version_of(run) == 0
    made = make_snapshots(run, (2, 0.25, 1))
    folder = run.path / "snapshots"
    assert made == tuple(
        Snapshot(round(epoch * 100), epoch, folder / f"{round(epoch * 100):012}.safetensors") for epoch in (0.25, 1, 2)
    )
    assert snapshots_of(run.path) == made
    for snapshot in made:
        assert load_autoencoder(snapshot.read(), "vae", snapshot.path).latent_scale
    before = version_of(run)
    made[0].path.unlink()
    assert version_of(run) != before


def test_strangers_in_the_folder_are_skipped(runs_dir: Path) -> None:
    run = make_trained_run(runs_dir, "ae")
    (kept,) = make_snapshots(run, (1,))
    folder = folder_of(run)
    strangers = {
        "7.safetensors": kept.read(),
        ".000000000009.safetensors.tmp-0": kept.read(),
        file_name(1): kept.read(),  # which is of another step
        file_name(2): b"",
        file_name(3): header(b"{}", said=2**63),
        file_name(4): header(b'{"__metadata__": {"step": "4", "epoch": "nan"}}'),
        file_name(5): header(b'{"__metadata__": {"step": "5", "epoch": "-1"}}'),
        file_name(15): header(b'{"__metadata__": {"step": "15", "epoch": "1e9"}}'),
        file_name(16): header(b'{"__metadata__": {"step": "16", "epoch": "1e-20"}}'),
        file_name(17): header(b'{"__metadata__": {"step": "17", "epoch": "1e999"}}'),
        file_name(6): header(b'{"__metadata__": [1]}'),
        file_name(8): header(b"[" * 100_000),
        file_name(10): header(b"\xff\xfe"),
        file_name(11): header(b'{"__metadata__": {"step": "11", "epoch": [1]}}'),
    }
    for name, content in strangers.items():
        (folder / name).write_bytes(content)
    (folder / file_name(12)).mkdir()
    (folder / file_name(13)).symlink_to(kept.path)
    os.mkfifo(folder / file_name(14))
    assert snapshots_of(run) == (kept,)


def test_a_folder_elsewhere_is_not_followed(runs_dir: Path, tmp_path: Path) -> None:
    run = make_trained_run(runs_dir, "ae")
    make_snapshots(run, (1,))
    folder_of(run).rename(tmp_path / "elsewhere")
    folder_of(run).symlink_to(tmp_path / "elsewhere")
    assert snapshots_of(run) == ()


def test_a_snapshot_that_was_thinned_out_is_missing_when_it_is_read(runs_dir: Path) -> None:
    run = make_trained_run(runs_dir, "ae")
    (snapshot,) = make_snapshots(run, (1,))
    snapshot.path.unlink()
    with pytest.raises(FileNotFoundError):
        snapshot.read()
    snapshot.path.symlink_to(run.weights_path())
    with pytest.raises(DamagedFile):
        snapshot.read()
