"""A run from a stranger: nothing in it is executed, obeyed or waited for, and the runs beside it stay usable."""

from __future__ import annotations

import contextlib
import io
import json
import os
import pickle
import resource
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

import pytest
import safetensors.torch
import torch

from core.data.images import ImageSet
from core.errors import DamagedFile, RunError
from core.models.weights import load_model
from core.runs.catalog import find_run, find_runs, summarise
from core.runs.config import make_config
from core.runs.metrics import MetricsReader, last_lines
from core.runs.run import Run
from core.runs.status import State, Status
from core.training import checkpoint
from core.training.trainer import Trainer
from tests.conftest import cut_digits, make_trained_run
from tests.support.terminal import ENVIRONMENT, UNKNOWN, Terminal
from tui.background.polling import RunReader
from tui.drawing.facts import facts
from tui.series import VISIBLE_FRACTIONS, loss_curves, x_axis
from tui.terminal.capabilities import ColorDepth

VAE_TUI = str(Path(sys.executable).with_name("vae-tui"))
SECONDS = 30
MEGABYTE = 1 << 20
JSON_FILES = ["config.json", "status.json", "control.json"]
TENSOR_FILES = ["model.safetensors", "best.safetensors", "state.pt"]
FILES = [*JSON_FILES, "metrics.jsonl", *TENSOR_FILES, "train.log"]
LISTED_FROM = ["config.json", "status.json", "metrics.jsonl"]


@pytest.fixture
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder for files that nobody should read carelessly, gone before anybody does."""
    place = tmp_path_factory.mktemp("hostile")
    yield place
    shutil.rmtree(place)


@pytest.fixture
def run(place: Path) -> Run:
    """A run that has every file."""
    run = make_trained_run(place / "runs", "vae")
    run.write_weights(run.read_weights(), best=True)
    run.write_status(Status(state=State.STOPPED, epochs=400, epoch=1, step=35, steps_per_epoch=35))
    run.request("save")
    run.write_state(b"not looked at before it is resumed")
    with run.open_metrics() as log:
        log.append({"kind": "epoch", "epoch": 1, "step": 35, "time": 1.0, "train_loss": 3.5, "val_loss": 4.5})
    run.log_path.write_text("2026-01-02T03:04:05 stopped: SIGTERM\n")
    return run


@pytest.fixture
def neighbour(place: Path) -> Run:
    """A run that nobody touched."""
    return Run.create(place / "runs", "neighbour", make_config(dataset="mnist-5k", device="cpu"))


def poll(run: Run) -> object:
    reader = MetricsReader(run.metrics_path)
    reader.poll()
    return len(reader.steps), len(reader.epochs)


READERS: dict[str, Callable[[Run], object]] = {
    "config.json": Run.config,
    "status.json": Run.status,
    "control.json": Run.requested,
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


# What stands in the place of a file


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


@pytest.mark.parametrize("thing", THINGS)
@pytest.mark.parametrize("file", FILES)
def test_what_is_no_regular_file_is_neither_followed_nor_waited_for(
    run: Run, neighbour: Run, file: str, thing: str
) -> None:
    path = run.path / file
    path.rename(run.path.parent / "aside")
    whole = (run.path.parent / "aside").read_bytes()
    THINGS[thing](path)
    if file == "train.log":
        assert read_apart(run.last_log_line) == Outcome(None, "", pytest.approx(0, abs=20))
    else:
        assert refused(lambda: READERS[file](run)) == f"{file}: is not a regular file"
    assert_listed(run, neighbour, damaged=file in LISTED_FROM)
    assert (run.path.parent / "aside").read_bytes() == whole


@pytest.mark.parametrize("thing", ["a link to a whole file", "a link to itself", "a pipe", "a socket"])
def test_deleting_takes_links_away_and_not_what_they_lead_to(run: Run, thing: str) -> None:
    aside = run.path.parent / "aside"
    aside.write_text("mine")
    for file in FILES:
        (run.path / file).unlink()
        THINGS[thing](run.path / file)
    assert read_apart(run.delete).raised is None
    assert not run.path.exists()
    assert aside.read_text() == "mine"


def test_a_run_is_not_deleted_under_its_trainer_when_its_status_is_damaged(run: Run) -> None:
    with run.open_metrics():
        (run.path / "status.json").write_text("{")
        with pytest.raises((RunError, DamagedFile)):
            run.delete()
        assert run.config()


def test_a_folder_that_a_stranger_named_like_a_leftover_does_not_keep_a_run(run: Run) -> None:
    (run.path / ".model.safetensors.tmp-1").mkdir()
    run.sweep()


# What stands in a file

CONTENTS = {
    "nothing": b"",
    "a byte": b"\x00",
    "random bytes": Random(1).randbytes(5000),
    "a list": b"[1, 2]",
    "null": b"null\n",
    "text": b'"text"\n',
    "a number": b"1e999\n",
    "not a number": b"NaN",
    "4,000 digits": b"1" * 4000,
    "5,000 digits in a field": b'{"epochs": 1' + b"0" * 5000 + b"}",
    "100,000 brackets": b"[" * 100_000,
    "100,000 closed brackets": b"[" * 100_000 + b"]" * 100_000 + b"\n",
    "100,000 objects": b'{"preset":' * 100_000,
    "100,000 unknown keys": b"{" + b",".join(b'"%d":0' % number for number in range(100_000)) + b"}",
    "a pickle": pickle.dumps({"preset": "vae"}),
}


@pytest.mark.parametrize("content", CONTENTS)
@pytest.mark.parametrize("file", FILES)
def test_content_of_another_kind_is_damage(run: Run, neighbour: Run, file: str, content: str) -> None:
    (run.path / file).write_bytes(CONTENTS[content])
    if file == "metrics.jsonl":
        assert read_apart(lambda: READERS[file](run)).said == "(0, 0)"
    elif file == "train.log":
        said = read_apart(run.last_log_line)
        assert (said.raised, "\n" in said.said) == (None, False)
    else:
        refused(lambda: READERS[file](run), megabytes=150)
    assert_listed(run, neighbour, damaged=file in ("config.json", "status.json"))


WRONG: list[object] = [None, True, -1, 2**63, 10**4000, 0.5, 1e308, -1e308, "", "x" * 20_000, [], {}, [[]], {"a": 1}]


@pytest.mark.parametrize("file", JSON_FILES)
def test_a_wrong_value_in_any_field_is_read_or_one_line(run: Run, file: str) -> None:
    whole = json.loads((run.path / file).read_bytes())
    for field in whole:
        for value in WRONG:
            (run.path / file).write_text(json.dumps(whole | {field: value}))
            try:
                READERS[file](run)
            except DamagedFile as error:
                assert is_one_line(str(error)), (field, value)
            json.dumps(summarise(run).as_json(), allow_nan=False)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_losses_that_are_no_numbers_do_not_spoil_the_list(run: Run, number: str) -> None:
    run.metrics_path.write_text(f'{{"kind": "epoch", "epoch": 1, "train_loss": {number}, "val_loss": {number}}}\n')
    json.dumps(summarise(run).as_json(), allow_nan=False)


@pytest.mark.parametrize("file", JSON_FILES)
def test_a_json_file_cut_off_anywhere_is_damaged(run: Run, neighbour: Run, file: str) -> None:
    whole = (run.path / file).read_bytes()
    for length in range(len(whole.rstrip())):
        (run.path / file).write_bytes(whole[:length])
        with pytest.raises(DamagedFile) as caught:
            READERS[file](run)
        assert is_one_line(str(caught.value)), length
    assert_listed(run, neighbour, damaged=file in LISTED_FROM)


def test_metrics_cut_off_anywhere_are_read_as_far_as_lines_go(run: Run) -> None:
    line = run.metrics_path.read_bytes()
    for length in range(len(line), 2 * len(line) + 1):
        run.metrics_path.write_bytes((2 * line)[:length])
        assert poll(run) == (0, length // len(line))
        assert last_lines(run.metrics_path)["epoch"]["val_loss"] == 4.5


@pytest.mark.parametrize("file", TENSOR_FILES[:2])
def test_weights_cut_off_anywhere_are_damaged(run: Run, file: str) -> None:
    whole = (run.path / file).read_bytes()
    header = 8 + int.from_bytes(whole[:8], "little")
    lengths = [*range(0, header + 9, 50), *range(header - 3, header + 9), *range(header, len(whole), len(whole) // 20)]
    for length in [*lengths, len(whole) - 1]:
        (run.path / file).write_bytes(whole[:length])
        with pytest.raises(DamagedFile) as caught:
            READERS[file](run)
        assert is_one_line(str(caught.value)), length


# Sizes


def lengthen(path: Path, content: bytes, size: int) -> None:
    """A file that begins so and is then one line of zeros that take no space on the disk."""
    path.write_bytes(content)
    os.truncate(path, size)


@pytest.mark.parametrize("size", [1 << 30, 1 << 40], ids=["1 GB", "1 TB"])
@pytest.mark.parametrize("file", FILES)
def test_a_huge_file_is_not_read_into_memory(run: Run, neighbour: Run, file: str, size: int) -> None:
    lengthen(run.path / file, b'{"kind": "step", "preset": "', size)
    bound = 300 if file in TENSOR_FILES else 50
    if file == "train.log" or (file, size) == ("metrics.jsonl", 1 << 30):
        outcome = read_apart(lambda: READERS[file](run))
        assert (outcome.raised, outcome.megabytes < bound) == (None, True)
    else:
        assert "is larger than" in refused(lambda: READERS[file](run), bound)
    listing = read_apart(lambda: assert_listed(run, neighbour, damaged=file in ("config.json", "status.json")))
    assert (listing.raised, listing.megabytes < 50) == (None, True), listing


def test_small_lines_do_not_take_many_times_their_size(run: Run) -> None:
    run.metrics_path.write_bytes(b'{"kind":"step","epoch":0,"step":1,"time":1}\n' * (64 * MEGABYTE // 44))
    outcome = read_apart(lambda: poll(run))
    assert outcome.megabytes < 8 * 64, outcome


# Names

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


@pytest.mark.parametrize("name", NAMES)
def test_a_damaged_run_is_named_in_one_printable_line_whatever_its_folder_is_called(run: Run, name: str) -> None:
    hostile = rename(run, NAMES[name])
    (hostile.path / "status.json").unlink()
    assert [found.name for found in find_runs(run.path.parent)] == [NAMES[name]]
    damage = summarise(hostile).damage
    assert damage is not None
    assert is_one_line(damage), repr(damage)


@pytest.mark.parametrize("name", ["..", "../runs/vae", ".", "", "/etc", "vae/", "vae/../vae"])
def test_a_name_that_leads_elsewhere_is_no_run(run: Run, name: str) -> None:
    with pytest.raises(RunError, match="no run named"):
        find_run(run.path.parent, name)


# Weights


def header_of(content: bytes) -> tuple[dict[str, Any], bytes]:
    length = int.from_bytes(content[:8], "little")
    return json.loads(content[8 : 8 + length]), content[8 + length :]


def with_header(header: object, numbers: bytes) -> bytes:
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + numbers


def changed(content: bytes, change: Callable[[dict[str, Any]], object]) -> bytes:
    header, numbers = header_of(content)
    change(header)
    return with_header(header, numbers)


def retyped(content: bytes, kind: torch.dtype) -> bytes:
    tensors = {name: tensor.to(kind) for name, tensor in safetensors.torch.load(content).items()}
    return safetensors.torch.save(tensors, {"latent_scale": "1.0"})


def filled(content: bytes, value: float) -> bytes:
    tensors = safetensors.torch.load(content)
    next(tensor for tensor in tensors.values() if tensor.is_floating_point()).fill_(value)
    return safetensors.torch.save(tensors, {"latent_scale": "1.0"})


FIRST = "decoder.blocks.0.0.weight"

WEIGHTS: dict[str, Callable[[bytes], bytes]] = {
    "a header of 10 GB": lambda whole: struct.pack("<Q", 10 << 30) + whole[8:],
    "a header of 2**64 - 1 bytes": lambda whole: b"\xff" * 8 + whole[8:],
    "a header of nothing": lambda whole: struct.pack("<Q", 0) + whole[8:],
    "NaN": lambda whole: filled(whole, float("nan")),
    "infinity": lambda whole: filled(whole, float("inf")),
    "another shape": lambda whole: safetensors.torch.save(
        {name: tensor.reshape(-1) for name, tensor in safetensors.torch.load(whole).items()}, {"latent_scale": "1"}
    ),
    "no tensors": lambda whole: safetensors.torch.save({}, {"latent_scale": "1"}),
    "an unknown tensor": lambda whole: safetensors.torch.save(
        safetensors.torch.load(whole) | {"\x1b[2J\n": torch.zeros(3)}, {"latent_scale": "1"}
    ),
    "no metadata": lambda whole: changed(whole, lambda header: header.pop("__metadata__")),
    "a scale of NaN": lambda whole: changed(whole, lambda h: h["__metadata__"].update(latent_scale="nan")),
    "a scale of infinity": lambda whole: changed(whole, lambda h: h["__metadata__"].update(latent_scale="1e999")),
    "a scale of an escape": lambda whole: changed(whole, lambda h: h["__metadata__"].update(latent_scale="\x1b[2J")),
    "a scale of digits": lambda whole: changed(whole, lambda h: h["__metadata__"].update(latent_scale="9" * 9999)),
    "metadata that is a list": lambda whole: changed(whole, lambda h: h.update(__metadata__=[1])),
    "10**12 numbers": lambda whole: changed(whole, lambda h: tensors_in(h)[0].update(shape=[10**6, 10**6])),
    "2**64 numbers": lambda whole: changed(whole, lambda h: tensors_in(h)[0].update(shape=[2**32, 2**32])),
    "negative offsets": lambda whole: changed(whole, lambda h: tensors_in(h)[0].update(data_offsets=[-4, 0])),
    "offsets of 10 GB": lambda whole: changed(whole, lambda h: tensors_in(h)[0].update(data_offsets=[0, 10 << 30])),
    "tensors over each other": lambda whole: changed(whole, overlap),
    "an unknown kind": lambda whole: changed(whole, lambda h: tensors_in(h)[0].update(dtype="\x1b[2J")),
    "a deep header": lambda whole: with_header({}, b"")[:0] + struct.pack("<Q", 100_000) + b"[" * 100_000,
}


def tensors_in(header: dict[str, Any]) -> list[dict[str, Any]]:
    return [entry for name, entry in header.items() if name != "__metadata__"]


def overlap(header: dict[str, Any]) -> None:
    for entry in tensors_in(header):
        size = entry["data_offsets"][1] - entry["data_offsets"][0]
        entry["data_offsets"] = [0, size]


@pytest.mark.parametrize("file", TENSOR_FILES[:2])
@pytest.mark.parametrize("weights", WEIGHTS)
def test_weights_that_are_no_model_are_refused(run: Run, neighbour: Run, file: str, weights: str) -> None:
    path = run.path / file
    path.write_bytes(WEIGHTS[weights](path.read_bytes()))
    refused(lambda: READERS[file](run))
    assert_listed(run, neighbour, damaged=False)


@pytest.mark.parametrize("kind", [torch.float64, torch.float16, torch.int8, torch.bool, torch.float8_e4m3fn])
def test_weights_of_another_type_are_a_model_of_floats_or_refused(run: Run, kind: torch.dtype) -> None:
    run.write_weights(retyped(run.read_weights(), kind))
    outcome = read_apart(lambda: {tensor.dtype for tensor in load_model(run).parameters()})
    assert outcome.said == "{torch.float32}" or outcome.raised == "DamagedFile", outcome


# state.pt: what it must not do


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


def claiming(count: int) -> torch.Tensor:
    """Numbers that are all the same one."""
    return torch.zeros(1).as_strided((count,), (0,))


def recursive() -> dict[str, object]:
    value: dict[str, object] = {}
    value["model"] = value
    return value


def doubled(times: int) -> list[object]:
    """Lists that hold the same list twice: a few bytes that a walk through them never ends."""
    value: list[object] = []
    for _ in range(times):
        value = [value, value]
    return value


def called(module: str, name: str, argument: int) -> bytes:
    """The pickle of a call with one number."""
    return b"\x80\x02c" + f"{module}\n{name}\n".encode() + b"J" + struct.pack("<i", argument) + b"\x85R."


class StoragePickler(pickle.Pickler):
    """Writes a range of numbers as PyTorch refers to the record `0` of an archive."""

    def persistent_id(self, value: object) -> object:
        return ("storage", torch.FloatStorage, "0", "cpu", len(value)) if isinstance(value, range) else None


def bomb() -> bytes:
    """A tensor of 1.5 GB of zeros in an archive of 7 MB."""
    count = 24 * 16 * MEGABYTE
    tensor = Call(torch._utils._rebuild_tensor_v2, range(count), 0, (count,), (1,), False, OrderedDict())
    pickled, content = io.BytesIO(), io.BytesIO()
    StoragePickler(pickled, 2).dump({"model": {"a": tensor}})
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("archive/data.pkl", pickled.getvalue())
        archive.writestr("archive/version", "3\n")
        archive.writestr("archive/byteorder", "little")
        with archive.open("archive/data/0", "w", force_zip64=True) as record:
            for _ in range(24):
                record.write(bytes(64 * MEGABYTE))
    return content.getvalue()


def lying_bomb() -> bytes:
    """A bomb whose list of contents calls it small."""
    content = bytearray(bomb())
    listed = content.rfind(b"PK\x01\x02")
    content[listed + 24 : listed + 28] = struct.pack("<I", 1000)
    return bytes(content)


COMMAND = "touch executed"

PAYLOADS: dict[str, Callable[[], bytes]] = {
    "a call": lambda: saved({"model": Call(os.system, COMMAND)}),
    "a call deep inside": lambda: saved({"optimizer": {"state": [{"a": ({"b": [Call(os.system, COMMAND)]},)}]}}),
    "a call as a key": lambda: saved({(1, Call(os.system, COMMAND)): 1}),
    "a call of eval": lambda: saved([Call(eval, f"__import__('os').system('{COMMAND}')")]),
    "a call of exec": lambda: saved([Call(exec, f"import os; os.system('{COMMAND}')")]),
    "a call of a process": lambda: saved([Call(subprocess.check_call, COMMAND.split())]),
    "a call of torch.load": lambda: saved([Call(torch.load, "elsewhere", None, None)]),
    "a call in a bare pickle": lambda: pickle.dumps({"model": Call(os.system, COMMAND)}),
    "a call in protocol 5": lambda: archived(pickle.dumps({"model": Call(os.system, COMMAND)}, 5)),
    "a call in the old format": lambda: saved({"model": Call(os.system, COMMAND)}, zipped=False),
    "a call in the old format before an archive": lambda: (
        saved({"model": Call(os.system, COMMAND)}, zipped=False) + archived(pickle.dumps({}, 2))
    ),
    "a whole state in the old format before an archive": lambda: (
        saved({"model": torch.zeros(3)}, zipped=False) + archived(pickle.dumps({}, 2))
    ),
    "a bomb of bytes in the old format before an archive": lambda: (
        saved({"model": Call(bytearray, 900_000_000)}, zipped=False) + archived(pickle.dumps({}, 2))
    ),
    "a zip bomb": bomb,
    "a zip bomb that is called small": lying_bomb,
    "a bomb of bytes": lambda: archived(called("builtins", "bytearray", 500_000_000)),
    "10**12 numbers that are one": lambda: saved({"model": {"a": claiming(10**12)}}),
    "10**12 numbers in the optimizer": lambda: saved({"optimizer": {"state": {0: {"exp_avg": claiming(10**12)}}}}),
    "10**12 numbers in a set of pairs": lambda: saved({"sums": ((claiming(10**12),),)}),
    "numbers that are nowhere": lambda: saved({"model": {"a": torch.empty(10**12, device="meta")}}),
    "mostly empty numbers": lambda: saved({"model": {"a": torch.sparse_coo_tensor(size=(10**6, 10**6))}}),
    "itself": lambda: saved(recursive()),
    "lists that double": lambda: saved({"model": doubled(40)}),
    "100,000 lists": lambda: archived(b"\x80\x02" + b"]" * 100_000 + b"a" * 99_999 + b"."),
    "a record that is missing": lambda: saved({"model": torch.zeros(999)}).replace(
        b"archive/data/0", b"archive/data/1"
    ),
    "unknown keys": lambda: saved({"\x1b[2J": 1, "two\nlines": 2, "x" * 100_000: 3}),
    "not a mapping": lambda: saved([1, 2]),
    "nothing": lambda: saved(None),
    "an archive of nothing": lambda: b"PK\x05\x06" + bytes(18),
    "an archive without a pickle": lambda: archived(b""),
}


@pytest.mark.parametrize("payload", PAYLOADS)
def test_a_state_from_a_stranger_is_refused_unexecuted(
    run: Run, neighbour: Run, place: Path, monkeypatch: pytest.MonkeyPatch, payload: str
) -> None:
    content = PAYLOADS[payload]()
    monkeypatch.chdir(place)
    run.write_state(content)
    refused(lambda: checkpoint.load_state(run), megabytes=400)
    assert not (place / "executed").exists()
    assert_listed(run, neighbour, damaged=False)


# state.pt: what it must be


@pytest.fixture(scope="session")
def images() -> ImageSet:
    return cut_digits(60, 20)


@pytest.fixture
def state(place: Path, images: ImageSet) -> tuple[Run, dict[str, Any]]:
    """A run within its first epoch, and what its state holds."""
    run = Run.create(place / "runs", "resumed", make_config(preset="ae", dataset="mnist-5k", batch_size=20, epochs=2))
    with run.open_metrics() as metrics:
        trainer = Trainer(run, images, "cpu", metrics)
        for _ in islice(trainer.steps(), 2):
            pass
        trainer.save()
    return run, torch.load(run.state_path, weights_only=True)


def first_moments(state: dict[str, Any]) -> dict[str, Any]:
    return state["optimizer"]["state"][0]


CHANGES: dict[str, Callable[[dict[str, Any]], object]] = {
    "a moment of another shape": lambda s: first_moments(s).update(exp_avg=torch.zeros(3)),
    "a moment that is text": lambda s: first_moments(s).update(exp_avg_sq="text"),
    "a moment that is nowhere": lambda s: first_moments(s).update(
        exp_avg=torch.empty_like(first_moments(s)["exp_avg"], device="meta")
    ),
    "moments in a list": lambda s: s["optimizer"].update(state=list(s["optimizer"]["state"].values())[:2]),
    "a count of steps that is 10**12 numbers": lambda s: first_moments(s).update(step=claiming(10**12)),
    "a generator of 10**12 numbers": lambda s: s.update(generator=torch.zeros(1, dtype=torch.uint8).expand(10**12)),
    "a moment missing": lambda s: first_moments(s).pop("exp_avg"),
    "a parameter's moments missing": lambda s: s["optimizer"]["state"].pop(0),
    "an optimizer of nothing": lambda s: s.update(optimizer={}),
    "no parameter groups": lambda s: s["optimizer"].update(param_groups=[]),
    "a rate of text": lambda s: s["optimizer"]["param_groups"][0].update(initial_lr="fast"),
    "a rate of 10**400": lambda s: s["optimizer"]["param_groups"][0].update(initial_lr=10**400),
    "a rate of NaN": lambda s: s["optimizer"]["param_groups"][0].update(initial_lr=float("nan")),
    "many rates": lambda s: s["optimizer"]["param_groups"][0].update(initial_lr=torch.ones(3)),
    "an order with one image twice": lambda s: s["permutation"].__setitem__(0, s["permutation"][1].item()),
    "an order beyond the images": lambda s: s["permutation"].add_(1),
    "an order of negative places": lambda s: s["permutation"].neg_(),
    "an order of floats": lambda s: s.update(permutation=s["permutation"].float()),
    "an order in two dimensions": lambda s: s.update(permutation=s["permutation"][:, None]),
    "an order of other length": lambda s: s.update(permutation=torch.arange(59)),
    "no order within an epoch": lambda s: s.update(permutation=None),
    "an order that is nowhere": lambda s: s.update(permutation=torch.empty(60, dtype=torch.int64, device="meta")),
    "a step beyond the epoch": lambda s: s.update(batch=4),
    "a step before the start": lambda s: s.update(batch=-1),
    "an epoch of text": lambda s: s.update(epoch="one"),
    "an epoch of 2**63": lambda s: s.update(epoch=2**63),
    "seconds of NaN": lambda s: s.update(seconds=float("nan")),
    "sums of infinity": lambda s: s.update(sums=(1, float("inf"), 0.0)),
    "sums of two": lambda s: s.update(sums=(1, 2.0)),
    "a length of metrics below zero": lambda s: s.update(metrics_length=-1),
    "a generator of other length": lambda s: s.update(generator=torch.zeros(7, dtype=torch.uint8)),
    "a generator of floats": lambda s: s.update(generator=s["generator"].float()),
    "weights of NaN": lambda s: next(iter(s["model"].values())).fill_(float("nan")),
    "weights of another shape": lambda s: s["model"].update({next(iter(s["model"])): torch.zeros(3)}),
    "weights missing": lambda s: s["model"].popitem(),
    "weights too many": lambda s: s["model"].update({"\x1b[2J": torch.zeros(3)}),
    "weights that are nowhere": lambda s: s["model"].update(
        {name: torch.empty_like(tensor, device="meta") for name, tensor in s["model"].items()}
    ),
    "weights that no file holds": lambda s: s["model"].update({next(iter(s["model"])): Call(torch.Tensor, 10**8)}),
    "a moment that no file holds": lambda s: first_moments(s).update(exp_avg=Call(torch.Tensor, 10**8)),
    "bytes that no file holds": lambda s: s.update(generator=Call(bytearray, 3 * 10**8)),
    "a model that is a list": lambda s: s.update(model=[1]),
    "an unknown key": lambda s: s.update({"\x1b[2J": 1}),
}


def restore(run: Run, images: ImageSet) -> None:
    with run.open_metrics() as metrics:
        Trainer(run, images, "cpu", metrics)


def test_a_state_that_nobody_changed_is_restored(state: tuple[Run, dict[str, Any]], images: ImageSet) -> None:
    run, content = state
    torch.save(content, run.state_path)
    restore(run, images)


@pytest.mark.parametrize("change", CHANGES)
def test_a_state_of_something_else_is_refused(state: tuple[Run, dict[str, Any]], images: ImageSet, change: str) -> None:
    run, content = state
    CHANGES[change](content)
    torch.save(content, run.state_path)
    before = run.metrics_path.read_bytes()
    assert refused(lambda: restore(run, images)).startswith("state.pt: ")
    assert run.metrics_path.read_bytes() == before


def test_a_state_cut_off_anywhere_is_damaged(state: tuple[Run, dict[str, Any]]) -> None:
    run, _ = state
    whole = run.state_path.read_bytes()
    for length in [*range(200), *range(0, len(whole), len(whole) // 150), *range(len(whole) - 200, len(whole))]:
        run.state_path.write_bytes(whole[:length])
        with pytest.raises(DamagedFile) as caught:
            checkpoint.load_state(run)
        assert is_one_line(str(caught.value)), length


# The command line


@pytest.fixture
def call(place: Path) -> Callable[..., subprocess.CompletedProcess[bytes]]:
    """Runs vae-tui beside the runs."""

    def start(*arguments: str) -> subprocess.CompletedProcess[bytes]:
        command = [VAE_TUI, *arguments, "--runs-dir", "runs"]
        return subprocess.run(command, cwd=place, env=ENVIRONMENT, capture_output=True, timeout=60)

    return start


Call_ = Callable[..., subprocess.CompletedProcess[bytes]]


def assert_refused(done: subprocess.CompletedProcess[bytes], status: int = 2) -> None:
    said = done.stderr.decode()
    assert done.returncode == status, said
    assert said.endswith("\n")
    assert is_one_line(said[:-1]), said
    assert b"\x1b" not in done.stdout


@pytest.mark.parametrize(
    ("file", "thing", "command"),
    [
        ("status.json", "a pipe", ("control", "vae", "save")),
        ("control.json", "a folder", ("control", "vae", "save")),
        ("config.json", "a link to zeros", ("resume", "vae")),
        ("metrics.jsonl", "a pipe", ("resume", "vae")),
        ("train.log", "a pipe", ("resume", "vae")),
        ("train.log", "a link to a whole file", ("resume", "vae")),
        ("model.safetensors", "a pipe", ("sample", "vae")),
        ("model.safetensors", "a link to zeros", ("sample", "vae")),
    ],
)
def test_a_command_says_in_one_line_what_it_cannot_use(
    run: Run, call: Call_, file: str, thing: str, command: tuple[str, ...]
) -> None:
    if command[0] == "control":
        run.write_status(Status(state=State.RUNNING, host="elsewhere", heartbeat=time.time()))
    (run.path / file).unlink()
    THINGS[thing](run.path / file)
    assert_refused(call(*command))


def test_an_unknown_key_reaches_the_terminal_in_one_short_line(run: Run, call: Call_) -> None:
    (run.path / "config.json").write_text(json.dumps({"\x1b[2J\n" + "x" * 100_000: 1}))
    assert_refused(call("sample", "vae"))


def test_a_state_that_calls_fails_the_resume_and_is_not_executed(run: Run, call: Call_, place: Path) -> None:
    run.write_state(saved({"model": Call(os.system, f"touch {place}/executed")}))
    assert_refused(call("resume", "vae"), status=1)
    assert not (place / "executed").exists()
    assert run.status().state is State.FAILED


@pytest.mark.parametrize("shown", [(), ("--json",)], ids=["table", "json"])
def test_runs_with_everything_wrong_are_all_listed(run: Run, neighbour: Run, call: Call_, shown: tuple[str]) -> None:
    expected = {"vae", "neighbour", *NAMES.values()}
    for name in NAMES.values():
        shutil.copytree(run.path, run.path.with_name(name))
    for file in FILES:
        for number, make in enumerate(THINGS.values()):
            hostile = run.path.with_name(f"{file}-{number}")
            shutil.copytree(run.path, hostile)
            (hostile / file).unlink()
            make(hostile / file)
            expected.add(hostile.name)
    listed = call("runs", *shown)
    assert (listed.returncode, listed.stderr) == (0, b"")
    assert all(line.isprintable() for line in listed.stdout.decode().splitlines())
    if shown:
        assert {entry["name"] for entry in json.loads(listed.stdout)} == expected
    else:
        assert listed.stdout.count(b"! damaged") == len(LISTED_FROM) * len(THINGS)


CODES = ["\x1b]0;PWNED\x07", "\x1b[77;77H", "\x9b77m", "\u202e", "\x1b]52;c;UFdORUQ=\x07"]
CODED = "x".join(CODES) + "\nnext"


def codes_in(output: bytes) -> list[str]:
    return [code for code in CODES if code.encode() in output]


@pytest.mark.parametrize("command", [("control", CODED, "save"), ("sample", CODED), ("reconstruct", CODED)])
def test_what_a_command_says_of_a_run_holds_no_codes_of_its_name(run: Run, call: Call_, command: tuple[str]) -> None:
    run.write_status(Status(state=State.RUNNING, host="elsewhere", heartbeat=time.time()))
    rename(run, CODED)
    done = call(*command)
    assert done.returncode == 0, done.stderr
    assert codes_in(done.stdout + done.stderr) == []


# The app


class RecordedTerminal(Terminal):
    """Keeps the bytes that the program wrote."""

    recorded = b""

    def read(self, seconds: float = 0.05) -> str:
        deadline = time.monotonic() + seconds
        while select.select([self._master], [], [], max(0, deadline - time.monotonic()))[0]:
            try:
                content = os.read(self._master, 1 << 16)
            except OSError:
                break
            self.recorded += content
            self._stream.feed(UNKNOWN.sub(b"", content))
        return "\n".join(line.rstrip() for line in self._screen.display)

    def settle(self, quiet: float, seconds: float = 60.0) -> bytes:
        """Read until nothing came for so long; what came since the last call."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            length = len(self.recorded)
            self.read(quiet)
            if len(self.recorded) == length:
                break
        came, self.recorded = self.recorded, b""
        return came


def coded_run(run: Run, name: str, **news: object) -> Run:
    """A copy whose every text holds codes, the folder's name included."""
    copy = Run(run.path.with_name(name + CODED))
    shutil.copytree(run.path, copy.path)
    config = json.loads((run.path / "config.json").read_bytes())
    config |= {"created": CODED[:64], "versions": {CODED: CODED}, "data_dir": CODED}
    (copy.path / "config.json").write_text(json.dumps(config))
    texts = dict.fromkeys(("host", "activity", "device", "device_name", "handled", "error"), CODED)
    (copy.path / "status.json").write_text(json.dumps({"state": "failed", "epochs": 9, **texts} | news))
    copy.log_path.write_text(f"{CODED}\n{CODED}")
    return copy


@pytest.mark.timeout(240)
def test_no_code_of_a_run_reaches_the_terminal_on_any_screen(run: Run, place: Path) -> None:
    active = {"state": "running", "heartbeat": time.time() + 10_000, "steps_per_epoch": 35, "step": 40, "epoch": 1}
    coded_run(run, "3", **active)  # the newest, so the one that is shown
    coded_run(run, "2", **active, error=None)
    coded_run(run, "1")
    key = coded_run(run, "4")
    (key.path / "config.json").write_text(json.dumps({CODED: CODED}))
    shutil.rmtree(run.path)
    leaked: dict[str, list[str]] = {}
    command = [VAE_TUI, "--runs-dir", str(run.path.parent), "--data-dir", str(place / "data")]
    visits = {
        "runs": ("1", "\x1b[B", "\x1b[B", "\x1b[B", "\x1b[H"),
        "training": ("2",),
        "reconstruct": ("3", "\r", "\x1b"),
        "sample": ("4",),
        "latent": ("5",),
        "compare": ("6", "v", "v", "v", "v", "o", "\x1b"),
        "keys": ("?", "\x1b"),
        "asking to pause": ("2", " "),
        "asking to stop": ("s", "\x1b"),
        "deleting an active run": ("d",),
        "exporting": ("6", "e"),
        "deleting": ("1", "\x1b[F", "d", "\x1b"),
        "leaving": ("q",),
    }
    with RecordedTerminal(command, place, ENVIRONMENT) as terminal:
        terminal.wait_for("3 reconstruct", "failed")
        for visit, keys in visits.items():
            came, quiet = b"", 1.0 if visit in ("reconstruct", "compare") else 0.4
            for pressed in keys:
                terminal.press(pressed)
                came += terminal.settle(quiet)
            if found := codes_in(came):
                leaked[visit] = found
        assert leaked == {}
        assert terminal.wait_for_end() == 0


STEP = '{"kind": "step", "epoch": 0, "step": 7, "time": 2.0, "loss": 3.0, "kl": 1.0, "images_per_second": 100.0}'
ODD_LINES = {
    "nothing but its kind": '{"kind": "step"}',
    "no step": STEP.replace("7", "null"),
    "no time": STEP.replace("2.0", "null"),
    "a step of NaN": STEP.replace("7", "NaN"),
    "an infinite step": STEP.replace("7", "1e999"),
    "a step of 1e308": STEP.replace("7", "1e308"),
    "a step below zero": STEP.replace("7", "-7"),
    "an infinite time": STEP.replace("2.0", "1e999"),
    "a time below zero": STEP.replace("2.0", "-1e308"),
    "the slowest speed": STEP.replace("100.0", "5e-324"),
    "a speed below zero": STEP.replace("100.0", "-100"),
    "an epoch of nothing": '{"kind": "epoch"}',
    "an infinite epoch": '{"kind": "epoch", "step": 1e999, "epoch": 1e999, "val_loss": 1e308}',
}


@pytest.mark.parametrize("per_epoch", [0, 1, 2**53])
@pytest.mark.parametrize("line", ODD_LINES)
def test_odd_numbers_in_metrics_are_shown_as_well_as_can_be(run: Run, line: str, per_epoch: int) -> None:
    odd = Status(state=State.RUNNING, host="there", heartbeat=time.time(), epochs=9, steps_per_epoch=per_epoch)
    run.write_status(odd)
    run.metrics_path.write_text(f"{STEP}\n{ODD_LINES[line]}\n")
    snapshot = RunReader(run).poll()
    assert snapshot is not None
    for shown in facts(snapshot, 30, ColorDepth.TRUECOLOR).plain.splitlines():
        assert len(shown) < 80, shown
    for fraction in VISIBLE_FRACTIONS:
        low, high = x_axis(snapshot).range_of(fraction)
        assert low < high
    loss_curves(snapshot, "loss", 10)


@pytest.mark.timeout(120)
def test_the_app_stays_open_over_a_run_with_odd_numbers(run: Run, place: Path) -> None:
    run.metrics_path.write_text("".join(f"{line}\n" for line in ODD_LINES.values()))
    command = [VAE_TUI, "vae", "--runs-dir", str(run.path.parent), "--data-dir", str(place / "data")]
    with RecordedTerminal(command, place, ENVIRONMENT) as terminal:
        terminal.wait_for("3 reconstruct", "vae", seconds=30)
        terminal.settle(1.0)
        assert terminal.process.poll() is None, terminal.read()
        terminal.press("1q")
        assert terminal.wait_for_end() == 0
