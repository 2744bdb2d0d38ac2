"""Mirrors of image sets, and torchvision's word that they have a tiny one."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Callable, Iterator

import pytest
import torchvision

from tests.support.image_sets import CLASSES, tiny_set
from tests.support.mirror import Mirror


@pytest.fixture
def open_mirror() -> Iterator[Callable[[], Mirror]]:
    mirrors: list[Mirror] = []

    def start() -> Mirror:
        mirrors.append(Mirror())
        return mirrors[-1]

    yield start
    for mirror in mirrors:
        mirror.close()


@pytest.fixture
def publish(monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, bytes]]:
    """Lets torchvision say that a tiny set lies on these mirrors; returns what its files unpack to."""

    def tell(*mirrors: Mirror | str, name: str = "mnist") -> dict[str, bytes]:
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        contents = tiny_set(name)
        packed = {f"{file}.gz": gzip.compress(content) for file, content in contents.items()}
        for mirror in mirrors:
            if isinstance(mirror, Mirror):
                mirror.bodies = {f"/{file}": body for file, body in packed.items()}
        urls = [mirror.url if isinstance(mirror, Mirror) else mirror for mirror in mirrors]
        checksums = [(file, hashlib.md5(body).hexdigest()) for file, body in packed.items()]
        published = getattr(torchvision.datasets, CLASSES[name])
        if name == "qmnist":
            complete = [(urls[0] + file, md5) for file, md5 in checksums]
            monkeypatch.setattr(published, "resources", {"train": complete[:2], "test": complete[2:], "nist": []})
        else:
            monkeypatch.setattr(published, "mirrors", urls)
            monkeypatch.setattr(published, "resources", checksums)
        return contents

    return tell
