"""Steps of the GPU kernels in Triton's interpreter, compared with PyTorch in float64; prints what it found as JSON.

A process of its own, as Triton reads TRITON_INTERPRET when kernels are declared.
"""

from __future__ import annotations

import copy
import json
import math
import sys
import time
from itertools import product
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch import Tensor
from triton.runtime import interpreter

from core.kernels.gpu.compiling import Wanted
from core.kernels.gpu.step import TritonStep
from core.kernels.gpu.validation import TritonValidation
from core.models.autoencoder import KlWeight, fold_batch_norm, loss
from core.training.methods.shared import SharedStep
from core.training.step import norm_of
from core.training.totals import RunningTotals
from tests.gpu.runs import blobs, make_models, make_step, truth

BATCH = 2


def sum_as_a_tree(self: interpreter.ReduceOps, values: Any) -> Any:
    """A GPU adds in pairs; the interpreter's one number after another loses a hundred times as much."""
    numbers = values.handle.data
    added = np.sum(numbers, axis=self.axis, keepdims=self.keep_dims, dtype=np.float64)
    return self.to_tensor(added.astype(numbers.dtype), values.dtype)


interpreter.ReduceOps.sum = sum_as_a_tree


def error(found: Tensor, wanted: Tensor) -> float:
    """Relative, of the whole tensor."""
    return float((found.double() - wanted.double()).norm() / wanted.double().norm())


def one_step(step: TritonStep, count: int, seed: int = 5) -> Tensor:
    """Do a step on some images, whose indices are given back, (runs, count)."""
    order = torch.Generator().manual_seed(seed)
    chosen = torch.stack([torch.randperm(len(step.images), generator=order)[:count] for _ in step.models])
    step(chosen)
    return chosen


def against_pytorch(
    preset: str, runs: int, precision: str = "float32", *, optimal: bool = False, count: int = BATCH
) -> dict[str, float]:
    """The largest errors over the runs of loss, gradient, its norm and buffers of a step."""
    step = make_step(preset, runs, BATCH, precision, examples=6, optimal=optimal)
    before = [copy.deepcopy(model).double() for model in step.models]
    chosen = one_step(step, count)
    noise = step.place(step.plan.noise, count)
    found: dict[str, list[float]] = {"loss": [], "gradient": [], "norm": [], "buffers": []}
    for run, model in enumerate(step.models):
        wanted = truth(before[run], step.images, chosen[run], noise[run].double(), step.kl_weights[run])
        state = step.optimizers[run].state
        names = [name for name, _ in model.named_parameters() if not name.endswith("0.bias")]
        parameters = dict(model.named_parameters())
        gradient = torch.cat([state[parameters[name]]["exp_avg"].flatten() * 10 for name in names])
        found["gradient"].append(error(gradient, torch.cat([wanted.gradients[name].flatten() for name in names])))
        norm = torch.cat([each.flatten() for each in wanted.gradients.values()]).norm()
        found["norm"].append(abs((norm_of(step.squares[run]) or math.inf) / float(norm) - 1))
        found["loss"].append(error(step.totals[run], torch.tensor([wanted.reconstruction, wanted.kl])))
        found["buffers"] += [error(buffer, wanted.buffers[name]) for name, buffer in model.named_buffers()]
    return {part: max(errors) for part, errors in found.items()}


def against_adam() -> dict[str, float]:
    """What the second step makes of weights and moments, against torch.optim.Adam with the same gradient."""
    step = make_step("ae", 1, BATCH, examples=6)
    one_step(step, BATCH, seed=1)
    model, optimizer = step.models[0], step.optimizers[0]
    copied = [parameter.detach().clone().requires_grad_() for parameter in model.parameters()]
    adam = torch.optim.Adam(copied, lr=float(optimizer.param_groups[0]["lr"]))
    adam.load_state_dict(
        {"state": copy.deepcopy(optimizer.state_dict()["state"]), "param_groups": adam.state_dict()["param_groups"]}
    )
    first = [state["exp_avg"].clone() for state in optimizer.state.values()]
    one_step(step, BATCH, seed=2)
    for parameter, old, state in zip(copied, first, optimizer.state.values(), strict=True):
        parameter.grad = (state["exp_avg"] - 0.9 * old) * 10
    adam.step()

    def flat(tensors: list[Tensor]) -> Tensor:
        return torch.cat([tensor.detach().flatten() for tensor in tensors])

    return {
        "weights": error(flat(list(model.parameters())), flat(copied)),
        "moments": error(
            flat([s["exp_avg_sq"] for s in optimizer.state.values()]),
            flat([s["exp_avg_sq"] for s in adam.state.values()]),
        ),
        "steps": error(
            flat([s["step"] for s in optimizer.state.values()]), flat([s["step"] for s in adam.state.values()])
        ),
    }


def restored() -> dict[str, bool]:
    """Whether a step that took over the state of another goes on as that does."""
    one = make_step("vae", 1, BATCH, examples=6)
    one_step(one, BATCH, seed=1)
    model, optimizer = copy.deepcopy(one.models[0].state_dict()), copy.deepcopy(one.optimizers[0].state_dict())
    other = make_step("vae", 1, BATCH, examples=6)
    other.models[0].load_state_dict(model)
    other.optimizers[0].load_state_dict(optimizer)
    other.memory.restored()
    other.generators[0].set_state(one.generators[0].get_state())
    for step in (one, other):
        one_step(step, BATCH, seed=2)
    tensors = zip(one.memory.changing(), other.memory.changing(), strict=True)
    return {"same": all(torch.equal(left, right) for left, right in tensors)}


def places(images: Tensor) -> list[Any]:
    """Two trainings, each with a place in a shared step."""
    found = []
    for run, model in enumerate(make_models("ae", 2, "cpu")):
        optimizer = torch.optim.Adam(model.parameters(), lr=torch.tensor(1e-3 * (1 + run)), fused=True)
        totals, generator = RunningTotals(torch.device("cpu")), torch.Generator().manual_seed(run)
        training = SimpleNamespace(totals=totals, optimizer=optimizer, generator=generator)
        objective = SimpleNamespace(model=model, kl_weight=KlWeight(), images=SimpleNamespace(train_images=images))
        wanted = Wanted("ae", BATCH)
        found.append(SimpleNamespace(training=training, objective=objective, wanted=wanted, batch=None, squares=None))
    return found


def regrouped() -> dict[str, bool]:
    """Whether a run with which another shares only some of its steps is as it would be alone."""
    images = blobs(6, "cpu")
    ended = []
    for alone in (False, True):
        first, second = places(images)
        step = SharedStep()
        for number in range(2):
            there = [first] if alone or number == 1 else [second, first]
            for place in there:
                place.batch = torch.arange(BATCH) + number
            step.launch(there)
        ended.append([*first.objective.model.state_dict().values(), first.training.totals.sums, first.squares])
        ended[-1] += [value for state in first.training.optimizer.state.values() for value in state.values()]
    same = all(torch.equal(one, other) for one, other in zip(*ended, strict=True))
    return {"same": same, "trained": float(ended[0][-1]) == 2}


def evaluated(preset: str) -> dict[str, float]:
    """The largest error of the sums over held-out images, in batches of two sizes, against PyTorch in float64."""
    (model,), images = make_models(preset, 1, "cpu"), blobs(BATCH + 1, "cpu")
    before = copy.deepcopy(model.state_dict())
    sums = list(TritonValidation(model, images, BATCH)(torch.Generator().manual_seed(3)))
    unchanged = all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    generator, wanted = torch.Generator().manual_seed(3), []
    exact = fold_batch_norm(model).double()
    for batch in images.split(BATCH):
        noise = model.noise(len(batch), generator)
        x = batch.unsqueeze(1).double() / 255
        parts = loss(x, *exact(x, None if noise is None else noise.double()))
        wanted.append(torch.stack([parts.reconstruction.sum(), parts.kl.sum()]))
    errors = [error(one, other) for one, other in zip(sums, wanted, strict=True)]
    return {"sums": max(errors), "batches": len(errors), "unchanged": unchanged}


def main() -> None:
    """The steps, or the parts that the command line names."""
    found: dict[str, object] = {}
    for preset, runs in product(("vae", "ae", "vae-post"), (1, 3)):
        name = f"{preset} {runs}"
        if not sys.argv[1:] or name in sys.argv[1:]:
            began = time.process_time()
            found[name] = against_pytorch(preset, runs, optimal=name == "vae 3")
            print(name, found[name], f"{time.process_time() - began:.1f} s", file=sys.stderr, flush=True)
    if not sys.argv[1:] or "others" in sys.argv[1:]:
        found |= {"bfloat16": against_pytorch("vae", 1, "bfloat16"), "last batch": against_pytorch("ae", 1, count=1)}
        found |= {"adam": against_adam(), "restored": restored()}
    for preset in ("vae", "ae", "vae-post"):
        if "evaluated" in sys.argv[1:]:
            found[preset] = evaluated(preset)
    if not sys.argv[1:] or "regrouped" in sys.argv[1:]:
        found["regrouped"] = regrouped()
    print(json.dumps(found))


if __name__ == "__main__":
    main()
