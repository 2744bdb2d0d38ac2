"""Thousands of run directories damaged at random are listed: one entry each, in time, and the whole ones whole."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import pytest

from core.runs.config import RunConfig
from core.runs.requests import Request
from core.runs.status import State, Status

VAE_TUI = str(Path(sys.executable).with_name("vae-tui"))
CONTROL_RUN = "untouched"
SECONDS = 60.0  # for 1,000 directories; a second or two where the cores are free

CONFIG = RunConfig(created="2026-01-02T03:04:05.678+00:00", versions={"python": "3.11.7", "torch": "2.14.1"})
STATUS = Status(
    state=State.STOPPED,
    pid=4_000_000,
    process_started=12.5,
    host="a-box",
    heartbeat=1.7e9,
    uptime=1e5,
    activity="training",
    epoch=3,
    epochs=400,
    step=105,
    steps_per_epoch=35,
    saved_step=105,
    images_per_second=1234.5,
    learning_rate=1e-3,
    device="cpu",
    device_name="a processor",
    handled="0123456789abcdef",
)
REQUEST = Request(action="stop", id="0123456789abcdef", time=1.7e9)
LINES = [
    {"kind": "step", "epoch": 2, "step": 100, "time": 3.1, "loss": 40.5, "reconstruction": 30.5, "kl": 10.0},
    {
        "kind": "epoch",
        "epoch": 3,
        "step": 105,
        "time": 3.2,
        "train_loss": 39.5,
        "val_loss": 41.5,
        "images_per_second": 1234.5,
    },
]
FILES = {
    "config.json": CONFIG.model_dump_json(indent=2).encode() + b"\n",
    "status.json": STATUS.model_dump_json(indent=2).encode() + b"\n",
    "control.json": REQUEST.model_dump_json(indent=2).encode() + b"\n",
    "metrics.jsonl": b"".join(json.dumps(line).encode() + b"\n" for line in LINES),
    "train.log": b"2026-01-02T03:04:05 stopped: SIGTERM\n",
    "model.safetensors": Random(1).randbytes(200),
    "state.pt": Random(2).randbytes(200),
}
READ_BY_A_LIST = ["config.json", "status.json", "metrics.jsonl"]
TOKENS = [
    b"1e999",
    b"-1",
    b"NaN",
    b"Infinity",
    b"null",
    b"true",
    b"9" * 400,
    b"9" * 5000,
    b'"\\u001b[2J"',
    b"[[[[",
    b"{}",
]

Damage = Callable[[Random, Path], None]


def flip_bits(random: Random, path: Path) -> None:
    content = bytearray(path.read_bytes())
    for _ in range(random.choice([1, 1, 1, 3, 20])):
        content[random.randrange(len(content))] ^= 1 << random.randrange(8)
    path.write_bytes(content)


def truncate(random: Random, path: Path) -> None:
    os.truncate(path, random.randrange(path.stat().st_size))


def splice(random: Random, path: Path) -> None:
    content, other = path.read_bytes(), random.choice(list(FILES.values()))
    place, start = random.randrange(len(content)), random.randrange(len(other))
    path.write_bytes(content[:place] + other[start:] + content[place:] * random.randrange(2))


def replace_a_value(random: Random, path: Path) -> None:
    parts = path.read_bytes().split(b": ")
    place = random.randrange(len(parts))
    _, comma, rest = parts[place].partition(b",")
    parts[place] = random.choice(TOKENS) + comma + rest
    path.write_bytes(b": ".join(parts))


def repeat_a_line(random: Random, path: Path) -> None:
    lines = path.read_bytes().splitlines(keepends=True)
    place = random.randrange(len(lines))
    path.write_bytes(b"".join(lines[:place] + lines[place:] * random.choice([1, 1, 2, 500])))


def swap(random: Random, path: Path) -> None:
    other = path.with_name(random.choice(list(FILES)))
    if other.is_file() and other != path and not other.is_symlink():
        path.rename(path.with_name("aside"))
        other.rename(path)
        path.with_name("aside").rename(other)


def empty(random: Random, path: Path) -> None:
    path.write_bytes(b"")


def fill(random: Random, path: Path) -> None:
    path.write_bytes(random.randbytes(random.choice([1, 100, 5000])))


def nest(random: Random, path: Path) -> None:
    path.write_bytes(random.choice([b"[", b'{"a":']) * 100_000)


def make_huge(random: Random, path: Path) -> None:
    os.truncate(path, random.choice([1 << 20, 1 << 31, 1 << 40]))


def remove(random: Random, path: Path) -> None:
    path.unlink()


def link(random: Random, path: Path) -> None:
    path.unlink()
    path.symlink_to(random.choice(["/dev/zero", "/etc/passwd", path.name, "nowhere", f"../{CONTROL_RUN}/{path.name}"]))


def pipe(random: Random, path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def make_folder(random: Random, path: Path) -> None:
    path.unlink()
    path.mkdir()


DAMAGES: list[Damage] = [
    *(flip_bits, truncate, splice, replace_a_value, repeat_a_line, swap, empty, fill),
    *(nest, make_huge, remove, link, pipe, make_folder),
]


def write_run(folder: Path) -> Path:
    """A run that trained."""
    folder.mkdir()
    for name, content in FILES.items():
        (folder / name).write_bytes(content)
    return folder


def damage(random: Random, folder: Path) -> None:
    """Do one to three damages to a run."""
    for _ in range(random.choice([1, 1, 2, 3])):
        path = folder / random.choice(3 * READ_BY_A_LIST + list(FILES))
        if path.is_file() and not path.is_symlink() and 0 < path.stat().st_size < 1 << 20:
            random.choice(DAMAGES)(random, path)


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A place for files that nobody should read carelessly, gone before anybody does."""
    place = tmp_path_factory.mktemp("hostile")
    yield place / "runs"
    shutil.rmtree(place)


def not_json(name: str) -> float:
    raise ValueError(f"{name} is not JSON")


def list_damaged(folder: Path, seed: int, count: int) -> dict[str, int]:
    """Damage so many runs at random and list them; how many were listed in each state."""
    random = Random(seed)
    folder.mkdir()
    write_run(folder / CONTROL_RUN)
    for number in range(count):
        damage(random, write_run(folder / f"run-{number:04}"))
    look_like_runs = {
        path.name for path in folder.iterdir() if any((path / name).exists() for name in READ_BY_A_LIST[:2])
    }

    begin = time.monotonic()
    listed = subprocess.run([VAE_TUI, "runs", "--json", "--runs-dir", folder], capture_output=True, timeout=SECONDS)
    took = time.monotonic() - begin

    assert (listed.returncode, listed.stderr) == (0, b"")
    assert all(line.isprintable() and line.isascii() for line in listed.stdout.decode().splitlines())
    entries = {entry["name"]: entry for entry in json.loads(listed.stdout, parse_constant=not_json)}
    assert entries.keys() == look_like_runs
    assert listed.stdout.count(b'"name": ') == len(look_like_runs)
    whole = entries.pop(CONTROL_RUN)
    assert (whole["state"], whole["damage"]) == ("stopped", None)
    assert (whole["epoch"], whole["train_loss"], whole["val_loss"]) == (3, 39.5, 41.5)
    for entry in entries.values():
        assert (entry["state"] == "damaged") == (entry["damage"] is not None), entry
        assert entry["damage"] is None or (entry["damage"].isprintable() and len(entry["damage"]) < 500), entry
    states = [entry["state"] for entry in entries.values()]
    counts = {state: states.count(state) for state in sorted(set(states))}
    print(f"seed {seed}: {len(entries) + 1} of {count + 1} look like runs, {counts}, {took:.1f} s")
    return counts


@pytest.mark.timeout(180)
def test_a_thousand_damaged_runs_are_listed(folder: Path) -> None:
    counts = list_damaged(folder, seed=1, count=1000)
    assert counts["damaged"] > 300
    assert counts["stopped"] > 100


@pytest.mark.soak
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("seed", range(100, 110))
def test_ten_thousand_damaged_runs_are_listed(folder: Path, seed: int) -> None:
    assert list_damaged(folder, seed, count=1000)["damaged"] > 300
