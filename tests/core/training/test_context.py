"""A GPU's context is made beside the import of PyTorch, and whatever is wrong with that GPU ends nothing."""

from __future__ import annotations

import ctypes

import pytest

from core.training.devices import context

NO_DEVICE = 100


class Driver:
    """In place of CUDA's library; notes what it is asked for."""

    def __init__(self, status: int = 0) -> None:
        self.asked: list[object] = []
        self._status = status

    def cuInit(self, flags: int) -> int:  # noqa: N802
        self.asked.append("init")
        return self._status

    def cuDeviceGet(self, device: object, index: int) -> int:  # noqa: N802
        self.asked.append(index)
        return 0

    def cuDevicePrimaryCtxRetain(self, retained: object, device: ctypes.c_int) -> int:  # noqa: N802
        self.asked.append("retain")
        return 0


@pytest.mark.parametrize(("device", "index"), [("auto", 0), ("cuda", 0), ("cuda:1", 1)])
def test_the_context_of_the_named_gpu_is_made(monkeypatch: pytest.MonkeyPatch, device: str, index: int) -> None:
    driver = Driver()
    monkeypatch.setattr(ctypes, "CDLL", lambda name: driver)
    thread = context.begin(device)
    assert thread is not None
    thread.join(5)
    assert driver.asked == ["init", index, "retain"]


def test_a_gpu_that_cannot_be_used_is_left_to_pytorch_to_complain_about(monkeypatch: pytest.MonkeyPatch) -> None:
    driver = Driver(NO_DEVICE)
    monkeypatch.setattr(ctypes, "CDLL", lambda name: driver)
    thread = context.begin("cuda")
    assert thread is not None
    thread.join(5)
    assert driver.asked == ["init"]


def test_nothing_is_begun_without_a_driver_or_for_another_device(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> object:
        raise OSError(f"{name}: cannot open shared object file")

    monkeypatch.setattr(ctypes, "CDLL", missing)
    assert context.begin("auto") is None
    monkeypatch.setattr(ctypes, "CDLL", lambda name: pytest.fail("no GPU is wanted"))
    assert context.begin("cpu") is None
    assert context.begin("mps") is None
    assert context.begin("cuda:x") is None
