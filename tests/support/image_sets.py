"""Tiny image sets on disk, as torchvision lays them out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torchvision

PUBLISHED = ("mnist", "fashion-mnist", "kmnist", "qmnist")
CLASSES = {"mnist": "MNIST", "fashion-mnist": "FashionMNIST", "kmnist": "KMNIST", "qmnist": "QMNIST"}
TRAIN, VALIDATION = 20, 10


def idx(array: Any) -> bytes:
    """An array in the IDX format, written down independently of the reader."""
    code = {np.dtype("uint8"): 8, np.dtype("int32"): 12}[array.dtype]
    sizes = b"".join(size.to_bytes(4, "big") for size in array.shape)
    values: bytes = array.astype(array.dtype.newbyteorder(">")).tobytes()
    return bytes([0, 0, code, array.ndim]) + sizes + values


def tiny_set(name: str = "mnist") -> dict[str, bytes]:
    """The four files of a set of 20 and 10 random images, in torchvision's order."""
    random = np.random.default_rng(0)
    contents = []
    for count in (TRAIN, VALIDATION):
        contents.append(idx(random.integers(0, 256, (count, 28, 28), dtype=np.uint8)))
        labels: Any = np.arange(count, dtype=np.uint8) % 10
        if name == "qmnist":
            rows = random.integers(0, 1 << 20, (count, 8), dtype=np.int32)
            rows[:, 0] = labels
            labels = rows
        contents.append(idx(labels))
    return dict(zip(file_names(name), contents, strict=True))


def file_names(name: str) -> list[str]:
    """The names of the four files as torchvision publishes them."""
    resources = getattr(torchvision.datasets, CLASSES[name]).resources
    if isinstance(resources, dict):
        resources = [*resources["train"], *resources["test"]]
    return [Path(file).stem for file, _ in resources]


def put(name: str, data_dir: Path, contents: dict[str, bytes] | None = None) -> Path:
    place = data_dir / CLASSES[name] / "raw"
    place.mkdir(parents=True, exist_ok=True)
    for file, content in (contents or tiny_set(name)).items():
        (place / file).write_bytes(content)
    return place
