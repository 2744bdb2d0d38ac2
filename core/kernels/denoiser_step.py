"""The whole training step of a denoiser on a CPU as one call into denoiser/denoiser.cpp.

As in native_step.py parameters and Adam's moments are changed where PyTorch has them, and threads change no bit.
"""

from __future__ import annotations

import ctypes
import weakref
from functools import cache
from pathlib import Path

import torch
from torch import Tensor, nn

from core.kernels import compiler
from core.kernels.compiler import Unavailable
from core.kernels.moments import Adam, Addresses, check_optimizer
from core.kernels.step_library import Products
from core.models.denoiser import Denoiser, timestep_embedding

FOLDERS = [Path(__file__).with_name(name) for name in ("denoiser", "step")]
# How long a step waits for a part that another thread began, before it does the part itself; a part takes about one.
PATIENCE_MICROSECONDS = 2000
_POINTER, _INT = ctypes.c_void_p, ctypes.c_int


class DenoiserStep:
    """Trains a denoiser with Adam on up to `batch_size` latents a step.

    Model and optimizer stay the caller's, but their tensors must not be replaced by others. Raises Unavailable where it
    cannot stand for PyTorch's own step: another model, optimizer or device, or no compiler.
    """

    def __init__(
        self,
        model: Denoiser,
        optimizer: torch.optim.Adam,
        batch_size: int,
        products: Products,
        threads: int,
        patience: int = PATIENCE_MICROSECONDS,
    ) -> None:
        _check(model, optimizer)
        self._library, self._batch_size, self._optimizer = library(products), batch_size, optimizer
        self._addresses = Addresses()
        parameters = self._addresses.of_parameters(_in_order(model), optimizer)
        handle = self._library.training_begin(threads, patience, batch_size, parameters, len(parameters))
        if handle is None:
            raise Unavailable("no memory for a training step")
        self._handle = handle
        self.close = weakref.finalize(self, self._library.training_end, handle)

    def __call__(self, noisy: Tensor, time: Tensor, labels: Tensor, target: Tensor) -> float:
        """Do a step on noisy latents (B, 4, 4, 4) at times (B,) with labels int64 (B,), whose prediction has a target.

        Returns the sum of squared errors; their mean over the batch is minimised. The learning rate and the rest of
        Adam are the optimizer's; the gradients are left in the parameters' `grad`.
        """
        count = len(noisy)
        if not self.close.alive:
            raise RuntimeError("the training step was closed")
        if not 0 < count <= self._batch_size:
            raise ValueError(f"expected up to {self._batch_size} latents, not {count}")
        given = [noisy, timestep_embedding(time), labels, target]
        shapes = [(count, 4, 4, 4), (count, 128), (count,), (count, 4, 4, 4)]
        dtypes = [torch.float32, torch.float32, torch.int64, torch.float32]
        if [(tuple(one.shape), one.dtype) for one in given] != list(zip(shapes, dtypes, strict=True)):
            raise ValueError(f"expected {shapes} of {dtypes}")
        given = [one.contiguous() for one in given]
        error = ctypes.c_double()
        failure = self._library.training_step(
            self._handle,
            *(one.data_ptr() for one in given),
            count,
            ctypes.byref(Adam.of(self._optimizer)),
            ctypes.byref(error),
        )
        if failure == 1:
            raise IndexError("a label is none of a class")
        if failure:
            raise MemoryError("no memory for a training step")
        return error.value

    @property
    def redone(self) -> int:
        """How many parts of steps were done a second time because another thread was late."""
        return int(self._library.training_redone(self._handle))


def _in_order(model: Denoiser) -> list[nn.Parameter]:
    """Parameters of products, then of norms, then the embedding."""
    kinds = ((nn.Linear, nn.Conv2d), nn.GroupNorm, nn.Embedding)
    return [p for kind in kinds for module in model.modules() if isinstance(module, kind) for p in module.parameters()]


def _check(model: Denoiser, optimizer: torch.optim.Optimizer) -> None:
    """Raise Unavailable unless the step is one of denoiser.cpp's."""
    with torch.random.fork_rng(devices=[]):  # on no meta device, for which PyTorch loads its compiler
        published = Denoiser()
    if repr(model) != repr(published) or model.latent_shape != published.latent_shape:
        raise Unavailable("its layers are not those of the preset")
    if model.class_shares.device.type != "cpu":
        raise Unavailable(f"no step on {model.class_shares.device.type}")
    check_optimizer(optimizer)


@cache
def library(products: Products) -> ctypes.CDLL:
    """The step for such products, compiled if it is not yet. Raises Unavailable."""
    products.check()
    sources = [FOLDERS[0] / "denoiser.cpp", *sorted(path for folder in FOLDERS for path in folder.glob("*.h"))]
    found = compiler.load(sources, products.options)
    found.training_begin.argtypes = [_INT, ctypes.c_long, _INT, _POINTER, _INT]
    found.training_begin.restype = _POINTER
    found.training_step.argtypes = [*[_POINTER] * 5, _INT, _POINTER, _POINTER]
    found.training_step.restype = _INT
    found.training_redone.argtypes, found.training_redone.restype = [_POINTER], ctypes.c_long
    found.training_end.argtypes, found.training_end.restype = [_POINTER], None
    return found
