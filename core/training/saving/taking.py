"""What a save takes at a step boundary: model, optimizer and others, as they are then, in one copy from a GPU."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from core.training.saving.copies import on_host, separate

RATE = "lr"  # of an optimizer's group; on a GPU where steps are recorded


@dataclass(frozen=True)
class Taken:
    """State dicts of a model and an optimizer, and other tensors by their names, in the CPU's memory.

    `is_finite` tells whether all weights and running statistics are finite numbers.
    """

    model: dict[str, Tensor]
    moments: dict[tuple[int, str], Tensor]
    group: dict[str, Any]
    others: dict[str, Tensor]
    is_finite: bool

    def optimizer(self) -> dict[str, Any]:
        """The optimizer's state dict, whose tensors have memory of their own."""
        state: dict[int, dict[str, Tensor]] = {}
        for (index, key), tensor in separate(self.moments).items():
            state.setdefault(index, {})[key] = tensor
        return {"state": state, "param_groups": [self.group]}


def take(model: nn.Module, optimizer: torch.optim.Optimizer, others: Mapping[str, Tensor | None]) -> Taken:
    """What they hold now, and those of the others that are there; the host waits for the device once."""
    there = {name: tensor for name, tensor in others.items() if tensor is not None}
    weights, state = model.state_dict(), optimizer.state_dict()
    moments = {(index, key): tensor for index, entry in state["state"].items() for key, tensor in entry.items()}
    numbers = torch.cat([tensor.flatten() for tensor in weights.values() if tensor.is_floating_point()])
    (group,) = state["param_groups"]
    rate = {RATE: group[RATE]} if isinstance(group[RATE], Tensor) else {}
    parts = {"weight": weights, "other": there, "rate": rate, "finite": {"": numbers.isfinite().all()}}
    named = {f"{part} {name}": tensor for part, tensors in parts.items() for name, tensor in tensors.items()}
    named |= {f"moment {index} {key}": tensor for (index, key), tensor in moments.items()}
    found = on_host(named)
    return Taken(
        model={name: found[f"weight {name}"] for name in weights},
        moments={(index, key): found[f"moment {index} {key}"] for index, key in moments},
        group=group | {name: found[f"rate {name}"].clone() for name in rate},
        others={name: found[f"other {name}"] for name in there},
        is_finite=bool(found["finite "]),
    )
