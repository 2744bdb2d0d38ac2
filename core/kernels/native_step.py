"""The whole training step of an autoencoder on a CPU as one call into step/step.cpp.

Parameters, Adam's moments and running statistics are changed where PyTorch has them, so state dicts are always those of
the last step. Threads are its own, not PyTorch's: how many there are, and what else the machine does, changes no bit.
"""

from __future__ import annotations

import ctypes
import math
import weakref
from functools import cache

import torch
from torch import Tensor

from core.kernels import step_library
from core.kernels.compiler import Unavailable, bfloat16_is_faster
from core.kernels.moments import Adam, Addresses, check_optimizer
from core.kernels.step_library import Products
from core.models.autoencoder import (
    FEATURES,
    Autoencoder,
    KlWeight,
    PublishedVariationalAutoencoder,
    VariationalAutoencoder,
)
from core.models.likelihood import PIXELS, Likelihood

# How long a step waits for a part that another thread began, before it does the part itself.
PATIENCE_MICROSECONDS = 100
_POINTER, _INT, _LONG, _DOUBLE = ctypes.c_void_p, ctypes.c_int, ctypes.c_int64, ctypes.c_double
_SIDE = 32
# As in step/frame.h.
_POSTERIORS: dict[type[Autoencoder], int] = {
    Autoencoder: 0,
    PublishedVariationalAutoencoder: 1,
    VariationalAutoencoder: 2,
}
_LIKELIHOODS = {Likelihood.GAUSSIAN: 0, Likelihood.BERNOULLI: 1}


class _Running(ctypes.Structure):
    _fields_ = [(name, _POINTER) for name in ("mean", "variance", "batches")]


class NativeStep:
    """Trains a model with Adam on images uint8 (N, 32, 32), up to `batch_size` of them a step.

    Model, optimizer and images stay the caller's, but their tensors must not be replaced by others. Raises Unavailable
    where it cannot stand for PyTorch's own step: another model, optimizer or device, or no compiler.
    """

    def __init__(
        self,
        model: Autoencoder,
        optimizer: torch.optim.Adam,
        images: Tensor,
        batch_size: int,
        kl_weight: KlWeight,
        products: Products,
        threads: int,
        patience: int = PATIENCE_MICROSECONDS,
    ) -> None:
        _check(model, optimizer, images)
        self._library, self._images, self._batch_size = library(products, model.features), images, batch_size
        self._kl_weight, self._optimizer = kl_weight, optimizer
        self._random_numbers = math.prod(model.latent_shape) if model.encoder_channels_per_latent == 2 else 0
        self._random_numbers += PIXELS if model.likelihood is Likelihood.BERNOULLI else 0
        self._addresses = Addresses()
        parameters = self._addresses.of_parameters(model.parameters(), optimizer)
        buffers = [self._addresses.of(buffer) for buffer in model.buffers()]
        running = [_Running(*buffers[i : i + 3]) for i in range(0, len(buffers), 3)]
        handle = self._library.training_begin(
            _POSTERIORS[type(model)],
            _LIKELIHOODS[model.likelihood],
            threads,
            patience,
            images.data_ptr(),
            len(images),
            batch_size,
            parameters,
            len(parameters),
            (_Running * len(running))(*running),
        )
        if handle is None:
            raise Unavailable("no memory for a training step")
        self._handle = handle
        self.close = weakref.finalize(self, self._library.training_end, handle)

    def __call__(self, chosen: Tensor, noise: Tensor | None) -> Tensor:
        """Do a step on the images with indices int64 (B,), with the random numbers of each, (B, ...), if it takes any.

        Those are the noise of the latent of a variational model, and then, for binarised images, a chance in [0, 1) of
        each of the 1,024 pixels. Returns the sums over the batch of the likelihood's error and the KL divergence,
        float64 (2,). The learning rate and the rest of Adam are the optimizer's; the gradients are left in the
        parameters' `grad`.
        """
        count = len(chosen)
        if not self.close.alive:
            raise RuntimeError("the training step was closed")
        if not 0 < count <= self._batch_size or chosen.dtype != torch.int64 or not chosen.is_contiguous():
            raise ValueError(f"expected up to {self._batch_size} contiguous int64 indices, not {count} {chosen.dtype}")
        numbers = 0 if noise is None else noise.numel()
        if numbers != count * self._random_numbers or (noise is not None and noise.dtype != torch.float32):
            given = "none" if noise is None else f"{noise.dtype} {tuple(noise.shape)}"
            raise ValueError(f"expected noise of {self._random_numbers} float32 numbers an image, not {given}")
        noise = None if noise is None else noise.contiguous()
        sums = torch.zeros(2, dtype=torch.float64)
        failure = self._library.training_step(
            self._handle,
            chosen.data_ptr(),
            count,
            None if noise is None else noise.data_ptr(),
            ctypes.byref(Adam.of(self._optimizer)),
            self._kl_weight.beta,
            self._kl_weight.optimal,
            sums.data_ptr(),
        )
        if failure == 1:
            raise IndexError(f"an index is not below {len(self._images)}")
        if failure:
            raise MemoryError("no memory for a training step")
        return sums

    @property
    def redone(self) -> int:
        """How many parts of steps were done a second time because another thread was late."""
        return int(self._library.training_redone(self._handle))


def _check(model: Autoencoder, optimizer: torch.optim.Optimizer, images: Tensor) -> None:
    """Raise Unavailable unless the step is one of step.cpp's."""
    if type(model) not in _POSTERIORS:
        raise Unavailable(f"no step for a {type(model).__name__}")
    if not step_library.has_step(model.features, model.latent_shape[0]):
        raise Unavailable("none for its sizes")
    with torch.device("meta"):  # its layers only; nothing is drawn for weights
        usual = type(model)((1, *model.features))
    if repr(model) != repr(usual):
        raise Unavailable("its layers are not those of the preset")
    if images.dtype != torch.uint8 or images.shape[1:] != (_SIDE, _SIDE) or not images.is_contiguous():
        raise Unavailable(f"no step for {images.dtype} images {tuple(images.shape)}")
    if images.device.type != "cpu":
        raise Unavailable(f"no step on {images.device.type}")
    check_optimizer(optimizer)


def kind() -> str:
    """What a training step is made of on this machine's CPU, in a few words. Raises Unavailable."""
    products = step_library.fastest(bfloat16=bfloat16_is_faster())
    return f"compiled, products of {products}, vectors of {library(products).training_lanes()} floats"


@cache
def library(products: Products, features: tuple[int, ...] = FEATURES[1:]) -> ctypes.CDLL:
    """The step for such products and channels, compiled if it is not yet. Raises Unavailable."""
    found = step_library.load(products, features)
    found.training_begin.argtypes = [_INT, _INT, _INT, ctypes.c_long, _POINTER, _LONG, _INT, _POINTER, _INT, _POINTER]
    found.training_begin.restype = _POINTER
    found.training_step.argtypes = [_POINTER, _POINTER, _INT, _POINTER, _POINTER, _DOUBLE, _INT, _POINTER]
    found.training_step.restype = _INT
    found.training_redone.argtypes, found.training_redone.restype = [_POINTER], ctypes.c_long
    found.training_lanes.argtypes, found.training_lanes.restype = [], _INT
    found.training_end.argtypes, found.training_end.restype = [_POINTER], None
    return found
