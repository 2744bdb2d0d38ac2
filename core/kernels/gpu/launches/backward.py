"""The launches of a whole step: forwards, the loss, backwards, and the new weights."""

from __future__ import annotations

from torch import Tensor

from core.kernels.gpu.launches.forward import TERMS, ForwardBuilder, Launch
from core.kernels.gpu.layers import Layer
from core.kernels.gpu.plan.backward import Plan
from core.kernels.gpu.plan.forward import FEWEST_COLUMNS, integers, power_of_two
from core.kernels.gpu.tiles import ENTRIES, WEIGHTS
from core.kernels.triton import convolutions, ends, first, update

PART_ROWS = 32


class Builder(ForwardBuilder[Plan]):
    """Builds the launches of a plan for batches of `count` images of a set uint8 (N, 32, 32)."""

    def __init__(self, plan: Plan, images: Tensor, count: int) -> None:
        super().__init__(plan, images, count)
        self._memory = plan.memory

    def build(self) -> list[Launch]:
        """The launches in their order."""
        plan = self._plan
        launches = super().build()
        for layer in reversed(plan.layers):
            if layer is plan.decoder[0]:
                launches.append(self._encode_backward())
            else:
                launches.append(self._backward(layer) if layer in self._sources else self._first_backward(layer))
        return [*launches, self._add_parts(), self._adam()]

    def _backward(self, layer: Layer) -> Launch:
        plan, name = self._plan, layer.name
        tiling = plan.tiles.backward(layer)
        view = layer.backward(tiling.block)
        source = self._sources[layer]
        is_last = layer is plan.layers[-1]
        programs = plan.parts(layer, self._count, back=True)
        arguments = (
            plan.z[name], plan.of_output if is_last else plan.gradient[name], plan.winners.get(name, plan.z[name]),
            plan.coefficients[name], plan.sums_back[name], plan.gradient_of(f"{name} weight"),
            plan.gradient_of(f"{name} bias"), plan.weight(plan.last), plan.passed,
            plan.matrix(f"{name} back"), self._source(layer), plan.coefficients[source.name],
            plan.gradient[source.name], plan.sums_back[source.name], plan.partial(name),
            self._count, plan.parts_back(layer, self._count), programs, self._memory.places.length,
            plan.gradient_places.length, plan.matrix_places.length, plan.partial_places.length,
        )  # fmt: skip
        constants = {
            "GRADIENT": 2 if is_last else 1 if layer.pooled_after else 0,
            "LEVEL": view.groups.bit_length() - 1, "STRIDE": view.stride, "WINDOW": view.window, "BLOCK": view.block,
            "CI": layer.channels_in, "CO": layer.channels_out,
            "COLUMNS": max(FEWEST_COLUMNS, view.block**2 * layer.channels_in), "TAPS": tiling.taps,
            "AHEAD": tiling.ahead, "ROWS": tiling.images * view.groups**2, "OWN_PARTS": plan.capacity_back(layer),
            "SOURCE_PARTS": plan.capacity_back(source), "num_warps": tiling.warps, **plan.products,
        }  # fmt: skip
        return self._launch(f"backward {name}", convolutions.convolve_backward, programs, arguments, constants)

    def _first_backward(self, layer: Layer) -> Launch:
        plan, name = self._plan, layer.name
        tiling = plan.tiles.backward(layer)
        view = layer.forward(tiling.block)
        arguments = (
            plan.z[name], plan.gradient[name], plan.coefficients[name], plan.sums_back[name],
            plan.gradient_of(f"{name} weight"), plan.gradient_of(f"{name} bias"), self._images, plan.chosen,
            plan.partial(name), self._count, plan.parts_back(layer, self._count), plan.gradient_places.length,
            plan.partial_places.length,
        )  # fmt: skip
        constants = {
            "LEVEL": view.groups.bit_length() - 1, "WINDOW": view.window, "BLOCK": view.block,
            "CO": layer.channels_out, "ENTRIES": power_of_two(view.window**2),
            "ROWS": tiling.images * view.groups**2, "OWN_PARTS": plan.capacity_back(layer),
            "num_warps": tiling.warps, **plan.products,
        }  # fmt: skip
        programs = plan.parts(layer, self._count, back=True)
        return self._launch(f"backward {name}", first.first_backward, programs, arguments, constants)

    def _encode_backward(self) -> Launch:
        plan = self._plan
        before, layer = plan.encoder[-1], plan.decoder[0]
        name = layer.name
        programs = plan.parts(layer, self._count, back=True)
        arguments = (
            plan.z[name], plan.gradient[name], plan.coefficients[name], plan.sums_back[name],
            plan.gradient_of(f"{name} weight"), plan.gradient_of(f"{name} bias"), plan.matrix(f"{name} back"),
            plan.latents, plan.moments, plan.noise, *self._head(" back"), plan.z[before.name],
            plan.coefficients[before.name], plan.gradient[before.name], plan.sums_back[before.name], plan.partial(name),
            plan.errors, plan.weights_of_kl,
            self._count, plan.parts_back(layer, self._count), programs, plan.last_parts(self._count),
            plan.gradient_places.length, plan.matrix_places.length, plan.partial_places.length,
        )  # fmt: skip
        sizes = {"OWN_PARTS": plan.capacity_back(layer), "SOURCE_PARTS": plan.capacity_back(before)}
        sizes |= {"ERROR_PARTS": power_of_two(plan.last_parts(plan.batch))}
        constants = self._middle() | sizes | {"OPTIMAL": plan.optimal}
        return self._launch("encode backward", ends.encode_backward, programs, arguments, constants)

    def _add_parts(self) -> Launch:
        plan = self._plan
        rows = {layer.name: plan.parts(layer, self._count, back=True) for layer in plan.layers}
        rows["last"] = plan.last_parts(self._count)
        table = [
            [plan.partial_places.start(name), count, plan.row(name), first, plan.gradient_places.start(name)]
            for name, count in rows.items()
            for first in range(0, plan.row(name), ENTRIES)
        ]
        places = integers([number for line in table for number in line], plan.device)
        arguments = (plan.partials, plan.gradients, places, plan.partial_places.length, plan.gradient_places.length)
        constants = {"ROWS": PART_ROWS, "BLOCK": ENTRIES, "num_warps": 4}
        return self._launch("parts", update.add_parts, len(table), arguments, constants)

    def _adam(self) -> Launch:
        plan, memory = self._plan, self._memory
        errors, divergences = plan.last_parts(self._count), plan.parts(plan.decoder[0], self._count)
        arguments = (
            memory.weights, memory.first_moments, memory.second_moments, plan.gradients, plan.gradient_table,
            plan.gradient_terms, memory.steps, memory.counts, memory.rates, plan.errors, plan.divergences, plan.totals,
            plan.squares, self._count, errors, divergences, memory.places.length, plan.gradient_places.length,
            len(memory.counted), memory.steps.shape[1],
        )  # fmt: skip
        constants = {
            "TERMS": TERMS, "BLOCK": WEIGHTS, "PARTS": power_of_two(plan.last_parts(plan.batch)),
            "COUNTS": power_of_two(len(memory.counted)),
            "REPEATS": power_of_two(-(-memory.steps.shape[1] // memory.blocks)), "num_warps": 4,
        }  # fmt: skip
        return self._launch("adam", update.adam, memory.blocks, arguments, constants)
