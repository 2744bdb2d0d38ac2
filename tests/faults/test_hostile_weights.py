"""Weights from a stranger are a model of finite floats, or refused in one line."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from typing import Any

import pytest
import safetensors.torch
import torch

from core.runs.run import Run
from tests.support.hostile import READERS, TENSOR_FILES, assert_listed, read_apart, refused
from tests.support.models import load_model


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
