"""Begins to set a GPU up while PyTorch is imported: both take seconds, and neither needs the other."""

from __future__ import annotations

import ctypes
import threading

LIBRARY = "libcuda.so.1"


def begin(device: str) -> threading.Thread | None:
    """Make the context that this process will have on a GPU, in a thread; None where the name is not that of a GPU.

    What is wrong with a GPU, PyTorch says when it takes that context, and better: nothing is said or raised here.
    """
    kind, _, index = device.partition(":")
    if kind not in ("auto", "cuda") or not (index or "0").isdecimal():
        return None
    try:
        library = ctypes.CDLL(LIBRARY)
    except OSError:  # no driver
        return None
    thread = threading.Thread(target=_retain, args=(library, int(index or 0)), name="GPU context", daemon=True)
    thread.start()
    return thread


def _retain(library: ctypes.CDLL, index: int) -> None:
    device, context = ctypes.c_int(), ctypes.c_void_p()
    if library.cuInit(0) == 0 and library.cuDeviceGet(ctypes.byref(device), index) == 0:
        library.cuDevicePrimaryCtxRetain(ctypes.byref(context), device)
