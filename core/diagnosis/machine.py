"""Looks at processor, compiler and GPUs: what training runs on here, and how fast it can be."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from importlib.util import find_spec

import pynvml
import torch

from core.cores import SHORTEST, CoreMeter
from core.diagnosis import quota
from core.diagnosis.finding import Finding
from core.kernels import native_step
from core.kernels.compiler import Unavailable
from core.training.devices import choice

COMPILER = "install a C++ compiler (g++ or clang++) to train about three times as fast"
WITH_CUDA = "PyTorch is a build for CPUs; one for GPUs: pip install --force-reinstall torch torchvision"


def examine() -> Iterator[Finding]:
    """Findings about what computes here. Takes some seconds, more where the step is not compiled yet."""
    yield _processor()
    yield _step()
    yield from _gpus()
    chosen = choice.choose("auto")
    yield Finding("training", f"takes {chosen.device} unless told otherwise", chosen.note)


def _processor() -> Finding:
    meter = CoreMeter()
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    given = quota.cores()
    text = f"{choice.processor_name()}, {usable} of {os.cpu_count()} cores may be used"
    text += "" if given is None else f", of which this container is given {given:g}"
    time.sleep(SHORTEST)
    free = meter.read()
    advice = f"others compute too: {free} of {usable} cores are free" if free < usable else ""
    return Finding("processor", text, advice)


def _step() -> Finding:
    try:
        return Finding("CPU step", native_step.kind())
    except Unavailable as reason:
        return Finding("CPU step", f"PyTorch's layers ({reason})", COMPILER)


def _gpus() -> Iterator[Finding]:
    """The GPUs that NVIDIA's driver shows, and whether PyTorch can use them."""
    try:
        pynvml.nvmlInit()
        driver = pynvml.nvmlSystemGetDriverVersion()
        names = [pynvml.nvmlDeviceGetName(pynvml.nvmlDeviceGetHandleByIndex(i)) for i in _indices()]
    except pynvml.NVMLError as error:
        yield Finding("GPU", f"none that NVIDIA's driver shows ({error})")
        return
    if not names:
        yield Finding("GPU", f"none, though there is a driver ({driver})")
    elif torch.version.cuda is None:
        yield Finding("GPU", f"{', '.join(names)}, driver {driver}; not used", WITH_CUDA, hinders=True)
    else:
        yield Finding("GPU", f"{', '.join(names)}, driver {driver}, PyTorch for CUDA {torch.version.cuda}")
        for name in choice.present():
            if name.startswith("cuda"):
                yield _gpu(name)


def _indices() -> range:
    return range(pynvml.nvmlDeviceGetCount())


def _gpu(name: str) -> Finding:
    if reason := choice.complaint(name):
        return Finding(name, "cannot be used", reason, hinders=True)
    if find_spec("triton") is None:
        return Finding(name, "trains through PyTorch's layers", "triton is missing: kernels of our own need it")
    from core.kernels.gpu.layers import Unfit
    from core.kernels.gpu.tiles import room_of

    try:
        room_of(torch.device(name))
    except Unfit as reason:
        return Finding(name, f"trains through PyTorch's layers: {reason}")
    return Finding(name, "trains in kernels of our own, which are compiled beside the first run")
