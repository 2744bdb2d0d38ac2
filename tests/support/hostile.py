"""Runs from strangers: what may stand in the place of their files, and how they are read without harm to the test."""

from __future__ import annotations

import contextlib
import io
import json
import os
import random
import resource
import signal
import socket
import sys
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from core.runs.catalog import find_runs, summarise
from core.runs.metrics.reader import MetricsReader
from core.runs.run import Run
from core.training import checkpoint
from tests.support.models import load_model

VAE_TUI = str(Path(sys.executable).with_name("vae-tui"))
SECONDS = 30
MEGABYTE = 1 << 20
JSON_FILES = ["config.json", "status.json", "control.json"]
TENSOR_FILES = ["model.safetensors", "best.safetensors", "state.pt"]
FILES = [*JSON_FILES, "metrics.jsonl", *TENSOR_FILES, "train.log"]
LISTED_FROM = ["config.json", "status.json", "metrics.jsonl"]


def poll(run: Run) -> object:
    reader = MetricsReader(run.metrics_path)
    reader.poll()
    return len(reader.steps), len(reader.epochs)


READERS: dict[str, Callable[[Run], object]] = {
    "config.json": Run.config,
    "status.json": Run.status,
    "control.json": lambda run: run.requests.last(),
    "metrics.jsonl": poll,
    "model.safetensors": load_model,
    "best.safetensors": lambda run: load_model(run, best=True),
    "state.pt": checkpoint.load_state,
    "train.log": Run.last_log_line,
}


@dataclass(frozen=True)
class Outcome:
    """What reading came to in a process of its own: the exception or the answer, and the memory it took."""

    raised: str | None
    said: str
    megabytes: float


def read_apart(read: Callable[[], object]) -> Outcome:
    """Read in a forked process that is killed when it hangs."""
    receiving, sending = os.pipe()
    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(SECONDS)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        raised = None
        try:
            said = str(read())[:1000]
        except BaseException as error:  # noqa: BLE001 - the test looks at whatever it is
            raised, said = type(error).__name__, str(error)
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
        os.write(sending, json.dumps([raised, said[:5000], grown]).encode())
        os._exit(0)
    os.close(sending)
    with os.fdopen(receiving, "rb") as pipe:
        content = pipe.read()
    _, status = os.waitpid(child, 0)
    assert content, f"killed by signal {os.WTERMSIG(status)} after at most {SECONDS} s"
    return Outcome(*json.loads(content))


def refused(read: Callable[[], object], megabytes: float = 100) -> str:
    """What DamagedFile said in one line, within bounds of time and memory."""
    outcome = read_apart(read)
    assert outcome.raised == "DamagedFile", outcome
    assert is_one_line(outcome.said), outcome
    assert outcome.megabytes < megabytes, outcome
    return outcome.said


def is_one_line(text: str) -> bool:
    return text.isprintable() and 0 < len(text) < 500


def assert_listed(run: Run, neighbour: Run, *, damaged: bool) -> None:
    """Both runs are in the list, and only the one that was touched may be damaged, in one line."""
    assert {found.name for found in find_runs(run.path.parent)} >= {run.name, neighbour.name}
    summary = summarise(run)
    assert (summary.damage is not None) == damaged, summary.damage
    assert summary.damage is None or is_one_line(summary.damage), summary.damage
    assert summarise(neighbour).damage is None


def link_to(target: str) -> Callable[[Path], None]:
    return lambda path: path.symlink_to(target)


def bind_socket(path: Path) -> None:
    with contextlib.chdir(path.parent), socket.socket(socket.AF_UNIX) as listening:
        listening.bind(path.name)


THINGS: dict[str, Callable[[Path], object]] = {
    "a link to zeros": link_to("/dev/zero"),
    "a link to passwords": link_to("/etc/passwd"),
    "a link to itself": lambda path: path.symlink_to(path.name),
    "a link to a whole file": lambda path: path.symlink_to(path.parent.parent / "aside"),
    "a link to nothing": link_to("nowhere"),
    "a pipe": os.mkfifo,
    "a folder": Path.mkdir,
    "a socket": bind_socket,
}


NAMES = {
    "dots": "..evil",
    "a window title": "\x1b]0;PWNED\x07",
    "a cleared screen": "\x1b[2Jgone",
    "an eight-bit code": "\x9b31mred",
    "a second line": "one\ntwo",
    "reversed": "gnp.\u202e",
    "an option": "--help",
    "markup": "[red]red",
    "long": "x" * 250,
    "not text": os.fsdecode(b"\xff\xfe"),
}


def rename(run: Run, name: str) -> Run:
    return Run(run.path.rename(run.path.with_name(name)))


class Call:
    """Pickles as a call of anything."""

    def __init__(self, *call: Any) -> None:
        self.call = call

    def __reduce__(self) -> tuple[Any, ...]:
        return self.call[0], self.call[1:]


def archived(pickled: bytes, compression: int = zipfile.ZIP_STORED, **records: bytes) -> bytes:
    """What torch.save would have written, around any pickle."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", compression) as archive:
        for name, record in {"data.pkl": pickled, "version": b"3\n", "byteorder": b"little"}.items():
            archive.writestr(f"archive/{name}", record)
        for name, record in records.items():
            archive.writestr(f"archive/data/{name.strip('_')}", record)
    return content.getvalue()


def saved(value: object, *, zipped: bool = True) -> bytes:
    content = io.BytesIO()
    torch.save(value, content, _use_new_zipfile_serialization=zipped)
    return content.getvalue()


CODES = ["\x1b]0;PWNED\x07", "\x1b[77;77H", "\x9b77m", "\u202e", "\x1b]52;c;UFdORUQ=\x07"]
CODED = "x".join(CODES) + "\nnext"


def codes_in(output: bytes) -> list[str]:
    return [code for code in CODES if code.encode() in output]


def mutated(content: bytes, chance: random.Random) -> bytes:
    """The content with some bytes changed, most of them near its beginning, cut off, or copied elsewhere."""
    found = bytearray(content)
    kind = chance.random()
    if kind < 0.7:
        reach = len(found) if kind < 0.35 else min(len(found), 600)
        for _ in range(chance.randint(1, 8)):
            found[chance.randrange(reach)] = chance.randrange(256)
    elif kind < 0.85:
        del found[chance.randrange(len(found)) :]
    else:
        here, there, length = chance.randrange(len(found)), chance.randrange(len(found)), chance.randrange(200)
        found[here : here + length] = found[there : there + length]
    return bytes(found)
