"""A state.pt from a stranger executes nothing, claims no memory, and is the state of the run or refused."""

from __future__ import annotations

import io
import os
import pickle
import struct
import subprocess
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from core.data.images import ImageSet
from core.errors import DamagedFile
from core.runs.config import make_config
from core.runs.run import Run
from core.training import checkpoint
from core.training.trainer import Trainer
from tests.conftest import cut_digits
from tests.support.hostile import MEGABYTE, Call, archived, assert_listed, is_one_line, refused, saved
from tests.support.trainers import train

# What it must not do


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


def listing(count: int) -> bytes:
    """An archive whose list of contents names so many records of nothing."""
    entry = struct.pack("<4s6H3L5H2L", b"PK\x01\x02", 20, 20, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0) + b"a"
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 65535, 65535, count * len(entry), 4, 0)
    return b"PK\x03\x04" + count * entry + end


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
    "1,000,000 records": lambda: listing(1_000_000),
    "a bomb of bytes": lambda: archived(called("builtins", "bytearray", 500_000_000)),
    "10**12 numbers that are one": lambda: saved({"model": {"a": claiming(10**12)}}),
    "10**12 numbers in the optimizer": lambda: saved({"optimizer": {"state": {0: {"exp_avg": claiming(10**12)}}}}),
    "10**12 numbers in a set of pairs": lambda: saved({"sums": ((claiming(10**12),),)}),
    "numbers that are nowhere": lambda: saved({"model": {"a": torch.empty(10**12, device="meta")}}),
    "mostly empty numbers": lambda: saved({"model": {"a": torch.zeros(10**6, 10**6, layout=torch.sparse_coo)}}),
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


# What it must be


@pytest.fixture(scope="session")
def images() -> ImageSet:
    return cut_digits(60, 20)


@pytest.fixture
def state(place: Path, images: ImageSet) -> tuple[Run, dict[str, Any]]:
    """A run within its first epoch, and what its state holds."""
    run = Run.create(place / "runs", "resumed", make_config(preset="ae", dataset="mnist-5k", batch_size=20, epochs=2))
    train(run, images, boundaries=2)
    return run, torch.load(run.state_path, weights_only=True)


def first_moments(state: dict[str, Any]) -> dict[str, Any]:
    moments: dict[str, Any] = state["optimizer"]["state"][0]
    return moments


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
    "an epoch of 2**53": lambda s: s.update(epoch=2**53),
    "a step of 2**53": lambda s: s.update(epoch=2**53 // 3),
    "a speed below zero": lambda s: s.update(images_per_second=-1.0),
    "seconds below zero": lambda s: s.update(seconds=-1.0),
    "a report to come": lambda s: s.update(reported_at=s["seconds"] + 9),
    "an epoch that began later": lambda s: s.update(epoch_began=s["seconds"] + 9),
    "more images reported than seen": lambda s: s.update(reported=(60, 1.0, 1.0)),
    "images carried below zero": lambda s: s.update(carried=(-60, 1.0, 1.0)),
    "10**400 images carried": lambda s: s.update(carried=(10**400, 1.0, 1.0)),
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
