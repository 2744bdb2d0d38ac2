"""A packed run is the run again on another machine, and a hostile one writes nothing."""

from __future__ import annotations

import errno
import os
import random
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from core.errors import ConfigError, DamagedFile, RunError, UserError
from core.exchange import packing
from core.runs.catalog import summarise
from core.runs.run import KEPT, TENSORS_LIMIT, Run
from core.runs.snapshots.folder import snapshots_of
from tests.conftest import CHECKPOINTS, make_trained_run
from tests.support.moments import make_snapshots

SHIPPED = Run(CHECKPOINTS / "ae-mnist")


@pytest.fixture
def packed(tmp_path: Path) -> Path:
    path = tmp_path / "ae-mnist.vae-run"
    packing.pack(SHIPPED, path)
    return path


def contents(run: Run) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in run.path.iterdir() if path.name in KEPT}


def test_a_run_is_the_same_after_its_journey(packed: Path, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    run = packing.unpack(packed, runs)
    assert run.path == runs / "ae-mnist"
    assert contents(run) == contents(SHIPPED)
    assert summarise(run).val_loss == summarise(SHIPPED).val_loss
    assert packing.unpack(packed, runs).name == "ae-mnist-2"  # it takes no other's name
    assert packing.unpack(packed, runs, "another").name == "another"


def test_a_run_is_unpacked_where_files_cannot_be_brought_to_the_disk(
    packed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(descriptor: int) -> None:
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))

    monkeypatch.setattr(os, "fsync", refuse)
    assert contents(packing.unpack(packed, tmp_path / "runs")) == contents(SHIPPED)


def test_a_pack_is_replaced_once_another_is_whole_and_a_run_never(packed: Path, tmp_path: Path) -> None:
    packing.unpack(packed, tmp_path, "taken")
    with pytest.raises(FileExistsError):
        packing.unpack(packed, tmp_path, "taken")
    with pytest.raises(ConfigError):
        packing.unpack(packed, tmp_path, "../outside")
    run, before = packing.unpack(packed, tmp_path, "running"), packed.read_bytes()
    metrics = run.open_metrics()  # as a trainer does
    with pytest.raises(RunError, match="is being trained"):
        packing.pack(run, packed)
    metrics.close()
    (run.path / "train.log").unlink()
    (run.path / "train.log").mkdir()
    with pytest.raises(DamagedFile):
        packing.pack(run, packed)
    assert packed.read_bytes() == before
    (run.path / "train.log").rmdir()
    packing.pack(run, packed)
    assert "train.log" not in zipfile.ZipFile(packed).namelist()
    assert {path.name for path in tmp_path.iterdir()} == {packed.name, "taken", "running"}


def test_snapshots_go_along_unless_they_are_to_be_left(tmp_path: Path) -> None:
    run = make_trained_run(tmp_path / "runs", "ae")
    made = make_snapshots(run, (0.5, 1))
    names = packing.pack(run, tmp_path / "a.vae-run")
    unpacked = packing.unpack(tmp_path / "a.vae-run", tmp_path / "elsewhere", share="all")
    assert [each.read() for each in snapshots_of(unpacked)] == [each.read() for each in made]
    modes = {path.stat().st_mode & 0o777 for path in unpacked.path.rglob("*")}
    assert modes == {0o755, 0o644}
    assert packing.pack(run, tmp_path / "b.vae-run", snapshots=False) == names[:-2]
    assert snapshots_of(packing.unpack(tmp_path / "b.vae-run", tmp_path / "elsewhere")) == ()


def test_what_nobody_could_unpack_is_not_packed(tmp_path: Path) -> None:
    run = make_trained_run(tmp_path / "runs", "ae")
    (snapshot,) = make_snapshots(run, (1,))
    with snapshot.path.open("r+b") as file:
        file.truncate(5 << 30)  # a hole
    with pytest.raises(DamagedFile, match="safetensors: is 5,368,709,120 bytes large, of which 268,435,456 can be"):
        packing.pack(run, tmp_path / "a.vae-run")
    assert not (tmp_path / "a.vae-run").exists()
    with snapshot.path.open("r+b") as file:
        file.truncate(packing.SNAPSHOTS_LIMIT + 1)
    with pytest.raises(DamagedFile, match="its snapshots are"):
        packing.pack(run, tmp_path / "a.vae-run")
    packing.pack(run, tmp_path / "a.vae-run", snapshots=False)


def archive_of(change: Callable[[zipfile.ZipFile], object], path: Path) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(SHIPPED.path / "config.json", "config.json")
        change(archive)
    return path


def a_link(archive: zipfile.ZipFile) -> None:
    info = zipfile.ZipInfo("train.log")
    info.external_attr = 0o120777 << 16
    archive.writestr(info, "/etc/passwd")


def snapshots(archive: zipfile.ZipFile) -> None:
    for step in range(65):
        archive.writestr(f"snapshots/{step:012}.safetensors", bytes(1_000_000))


def many(archive: zipfile.ZipFile) -> None:
    for number in range(1000):
        archive.writestr(f"evil{number}", "")


HOSTILE: dict[str, Callable[[zipfile.ZipFile], object]] = {
    "outside": lambda archive: archive.writestr("../evil", "x"),
    "absolute": lambda archive: archive.writestr("/evil", "x"),
    "another file": lambda archive: archive.writestr("evil.py", "x"),
    "a folder": lambda archive: archive.writestr("train.log/", ""),
    "a link": a_link,
    "twice": lambda archive: archive.writestr("config.json", "{}"),
    "bomb": lambda archive: archive.writestr("model.safetensors", bytes(TENSORS_LIMIT + 1)),
    "LZMA": lambda archive: archive.writestr("train.log", "x", zipfile.ZIP_LZMA),
    "bzip2": lambda archive: archive.writestr("train.log", "x", zipfile.ZIP_BZIP2),
    "many": many,
    "many snapshots": snapshots,
    "beside the snapshots": lambda archive: archive.writestr("snapshots/evil", "x"),
    "below the snapshots": lambda archive: archive.writestr("snapshots/../000000000001.safetensors", "x"),
    "a folder of snapshots": lambda archive: archive.writestr("snapshots/", ""),
}


@pytest.mark.parametrize("kind", HOSTILE)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_what_is_no_run_is_refused_and_leaves_nothing(kind: str, tmp_path: Path) -> None:
    path = archive_of(HOSTILE[kind], tmp_path / "a.vae-run")
    runs = tmp_path / "runs"
    runs.mkdir()
    with pytest.raises(DamagedFile):
        packing.unpack(path, runs)
    assert [*runs.iterdir()] == []
    assert {each.name for each in tmp_path.iterdir()} == {"a.vae-run", "runs"}


def test_a_long_list_behind_a_short_one_is_not_read(tmp_path: Path) -> None:
    """The end of the archive claims a small list; that of zip64 before it, which readers obey, a huge one."""
    path = archive_of(many, tmp_path / "a.vae-run")
    content = path.read_bytes()
    place = content.rindex(b"PK\5\6")
    *_, length, start, _ = packing.END.unpack(content[place:])
    long = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, 1001, 1001, length, start)
    locator = struct.pack("<4sLQL", b"PK\6\7", 0, place, 1)
    path.write_bytes(content[:place] + long + locator + packing.END.pack(b"PK\5\6", 0, 0, 1, 1, 60, start, 0))
    assert len(zipfile.ZipFile(path).namelist()) == 1001
    with pytest.raises(DamagedFile, match=r"it holds something else than a run$"):
        packing.unpack(path, tmp_path / "runs")


def test_damaged_packs_are_refused_or_are_runs(packed: Path, tmp_path: Path) -> None:
    """1,000 packs with some bytes changed, cut or moved: an error in one line or a run, and never anything else."""
    chance = random.Random(0)
    small = archive_of(lambda archive: archive.writestr("train.log", b"started\n" * 20), tmp_path / "small.zip")
    content = small.read_bytes()
    broken, runs = tmp_path / "broken.vae-run", tmp_path / "runs"
    refused = 0
    for _ in range(1000):
        damaged = bytearray(content)
        for _ in range(chance.randint(1, 4)):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        if chance.random() < 0.2:
            del damaged[chance.randrange(len(damaged)) :]
        broken.write_bytes(damaged)
        try:
            run = packing.unpack(broken, runs, "a-run")
        except UserError:
            refused += 1
        else:
            assert {path.name for path in run.path.iterdir()} <= set(KEPT)
            for path in run.path.iterdir():
                path.unlink()
            run.path.rmdir()
        assert not runs.exists() or [*runs.iterdir()] == []
    assert refused > 700
    assert {path.name for path in tmp_path.iterdir()} <= {"ae-mnist.vae-run", "small.zip", "broken.vae-run", "runs"}
