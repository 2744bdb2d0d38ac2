"""What a compiled step changes where PyTorch has it: parameters, their gradients and Adam's moments."""

from __future__ import annotations

import ctypes
from collections.abc import Iterable

import torch
from torch import Tensor

from core.kernels.compiler import Unavailable

_POINTER, _DOUBLE = ctypes.c_void_p, ctypes.c_double


class Parameter(ctypes.Structure):
    """As in step/adam.h."""

    _fields_ = [(name, _POINTER) for name in ("value", "gradient", "moment", "square", "steps")] + [
        ("count", ctypes.c_int64)
    ]


class Adam(ctypes.Structure):
    """As in step/adam.h."""

    _fields_ = [(name, _DOUBLE) for name in ("rate", "beta1", "beta2", "epsilon")]

    @classmethod
    def of(cls, optimizer: torch.optim.Adam) -> Adam:
        """What the optimizer's next step does."""
        (group,) = optimizer.param_groups
        return cls(group["lr"], *group["betas"], group["eps"])


class Addresses:
    """Where tensors lie, which it keeps."""

    def __init__(self) -> None:
        self._tensors: list[Tensor] = []

    def of(self, tensor: Tensor) -> int:
        """The address of a tensor's first number. Raises Unavailable where the numbers do not follow each other."""
        if not tensor.is_contiguous() or tensor.dtype not in (torch.float32, torch.int64):
            raise Unavailable(f"no step for {tensor.dtype} numbers laid out {tensor.stride()}")
        self._tensors.append(tensor)
        return tensor.data_ptr()

    def of_parameters(self, parameters: Iterable[Tensor], optimizer: torch.optim.Adam) -> ctypes.Array[Parameter]:
        """Those of parameters and their moments, which begin as Adam's do if there are none yet. Raises Unavailable."""
        return _array([self._parameter(parameter, optimizer) for parameter in parameters])

    def _parameter(self, parameter: Tensor, optimizer: torch.optim.Adam) -> Parameter:
        state = optimizer.state[parameter]
        if not state:
            state["step"] = torch.zeros((), dtype=torch.float32)
            state["exp_avg"], state["exp_avg_sq"] = torch.zeros_like(parameter), torch.zeros_like(parameter)
        parameter.grad = torch.zeros_like(parameter)
        tensors = (parameter.detach(), parameter.grad, state["exp_avg"], state["exp_avg_sq"], state["step"])
        return Parameter(*map(self.of, tensors), parameter.numel())


def _array(parameters: list[Parameter]) -> ctypes.Array[Parameter]:
    return (Parameter * len(parameters))(*parameters)


def check_optimizer(optimizer: torch.optim.Optimizer) -> None:
    """Raise Unavailable unless step/adam.h does what it does."""
    (group, *others) = optimizer.param_groups
    plain = isinstance(optimizer, torch.optim.Adam) and not others and not isinstance(group["lr"], Tensor)
    if not plain or group["weight_decay"] or group["amsgrad"] or group["maximize"]:
        raise Unavailable("no step for this optimizer")
