"""The step as a list of launches: forwards, the loss, backwards, and the new weights."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from core.kernels.gpu.layers import IMAGE, Layer
from core.kernels.gpu.plan import FEWEST_COLUMNS, KINDS, Launch, Plan, integers, power_of_two
from core.kernels.gpu.tiles import ENTRIES, WEIGHTS
from core.kernels.triton import convolutions, ends, first, update

TERMS = 4  # of the sums in a table that are looked up at once
PART_ROWS = 32


class Builder:
    """Builds the launches of a plan for batches of `count` images of a set uint8 (N, 32, 32)."""

    def __init__(self, plan: Plan, images: Tensor, count: int) -> None:
        self._plan, self._images, self._count = plan, images, count
        self._memory = plan.memory
        self._sources = dict(zip(plan.layers[1:], plan.layers, strict=False))

    def build(self) -> list[Launch]:
        """The launches in their order."""
        plan = self._plan
        middle = plan.decoder[0]
        launches = [self._matrices()]
        for layer in plan.layers:
            launches.append(self._encode() if layer is middle else self._forward(layer))
        launches.append(self._last())
        for layer in reversed(plan.layers):
            if layer is middle:
                launches.append(self._encode_backward())
            else:
                launches.append(self._backward(layer) if layer in self._sources else self._first_backward(layer))
        return [*launches, self._add_parts(), self._adam()]

    def _matrices(self) -> Launch:
        plan = self._plan
        arguments = (
            self._memory.weights, plan.matrices, plan.table, plan.terms, plan.matrix_places.length,
            self._memory.places.length,
        )  # fmt: skip
        constants = {"TERMS": TERMS, "BLOCK": WEIGHTS, "num_warps": 4, **plan.products}
        return self._launch("matrices", update.make_matrices, len(plan.terms), arguments, constants)

    def _launch(
        self, name: str, kernel: Any, programs: int, arguments: tuple[Any, ...], constants: dict[str, Any]
    ) -> Launch:
        return Launch(name, kernel, (programs, self._plan.runs), arguments, constants)

    def _normalisation(self, layer: Layer) -> tuple[Tensor, ...]:
        """What `normalise` needs of the layer whose output is read."""
        plan = self._plan
        weight, bias = plan.weight(f"{layer.name}.1.weight"), plan.weight(f"{layer.name}.1.bias")
        return plan.sums[layer.name], weight, bias, plan.coefficients[layer.name], plan.statistic(layer)

    def _expected(self, layer: Layer) -> tuple[Tensor, Tensor]:
        """What `expect` needs of the layer whose output is written."""
        return self._plan.weight(f"{layer.name}.0.bias"), self._plan.statistic(layer)

    def _source(self, layer: Layer) -> Tensor:
        before = self._sources.get(layer)
        if before is None:
            return self._images
        return self._plan.pooled[before.name] if before.pooled_after else self._plan.z[before.name]

    def _forward(self, layer: Layer) -> Launch:
        plan, name = self._plan, layer.name
        tiling = plan.tiles.forward(layer)
        view = layer.forward(tiling.block)
        before = self._sources.get(layer)
        normalisation = self._normalisation(before or layer)
        programs = plan.parts(layer, self._count)
        arguments = (
            self._source(layer), plan.chosen, *normalisation, plan.passed, plan.matrix(name),
            *self._expected(layer),
            plan.z[name], plan.sums[name], plan.weight(f"{name}.1.weight"), plan.pooled.get(name, plan.z[name]),
            plan.winners.get(name, plan.z[name]),
            self._count, plan.parts(before, self._count) if before else 1, programs, self._memory.places.length,
            self._memory.statistic_places.length, plan.matrix_places.length,
        )  # fmt: skip
        constants = {
            "IMAGES": before is None, "DOUBLED": layer.upsampled and view.block == 1,
            "NORMALISED": before.size**2 if before else 0, "LEVEL": view.groups.bit_length() - 1,
            "STRIDE": view.stride, "WINDOW": view.window, "BLOCK": view.block, "CI": layer.channels_in,
            "CO": layer.channels_out,
            "COLUMNS": max(FEWEST_COLUMNS, view.block**2 * layer.channels_out), "TAPS": tiling.taps,
            "AHEAD": tiling.ahead, "ROWS": tiling.images * view.groups**2, "POOL": layer.pooled_after,
            "SOURCE_PARTS": plan.capacity(before or layer), "OWN_PARTS": plan.capacity(layer),
            "num_warps": tiling.warps, **plan.products,
        }  # fmt: skip
        return self._launch(f"forward {name}", convolutions.convolve, programs, arguments, constants)

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

    def _middle(self) -> dict[str, Any]:
        plan = self._plan
        constants = {"KIND": plan.kind, "CI": plan.encoder[-1].channels_out, "ROWS": plan.tiles.latents}
        return constants | {"num_warps": plan.tiles.latent_warps, **plan.products}

    def _head(self, end: str) -> tuple[Tensor, Tensor]:
        plan = self._plan
        if plan.kind != KINDS["vae"]:
            return plan.matrices, plan.matrices
        return plan.matrix(f"mean{end}"), plan.matrix(f"spread{end}")

    def _encode(self) -> Launch:
        plan = self._plan
        before, layer = plan.encoder[-1], plan.decoder[0]
        programs = plan.parts(layer, self._count)
        bias = plan.weight("head.bias") if plan.kind == KINDS["vae"] else self._memory.weights
        arguments = (
            plan.z[before.name], *self._normalisation(before), *self._head(""), bias, plan.noise, plan.moments,
            plan.latents, plan.matrix(layer.name), *self._expected(layer), plan.z[layer.name], plan.sums[layer.name],
            plan.divergences,
            self._count, plan.parts(before, self._count), programs, self._memory.places.length,
            self._memory.statistic_places.length, plan.matrix_places.length,
        )  # fmt: skip
        sizes = {"SOURCE_PARTS": plan.capacity(before), "OWN_PARTS": plan.capacity(layer)}
        constants = self._middle() | sizes
        return self._launch("encode", ends.encode, programs, arguments, constants)

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

    def _last(self) -> Launch:
        plan = self._plan
        before = plan.layers[-1]
        programs = plan.last_parts(self._count)
        arguments = (
            plan.z[before.name], *self._normalisation(before), plan.weight(plan.last),
            plan.weight(plan.last.replace("weight", "bias")), self._images, plan.chosen, plan.of_output,
            plan.sums_back[before.name], plan.partial("last"), plan.errors,
            self._count, plan.parts(before, self._count), programs, self._memory.places.length,
            self._memory.statistic_places.length, plan.partial_places.length,
        )  # fmt: skip
        constants = {
            "LEVEL": IMAGE.bit_length() - 1, "ROWS": plan.tiles.pixels, "SOURCE_PARTS": plan.capacity(before),
            "OWN_PARTS": plan.capacity_back(before), "num_warps": plan.tiles.pixel_warps,
        }  # fmt: skip
        return self._launch("project", ends.project, programs, arguments, constants)

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
            self._count, errors, divergences, memory.places.length, plan.gradient_places.length, len(memory.counted),
            memory.steps.shape[1],
        )  # fmt: skip
        constants = {
            "TERMS": TERMS, "BLOCK": WEIGHTS, "PARTS": power_of_two(plan.last_parts(plan.batch)),
            "COUNTS": power_of_two(len(memory.counted)),
            "REPEATS": power_of_two(-(-memory.steps.shape[1] // memory.blocks)), "num_warps": 4,
        }  # fmt: skip
        return self._launch("adam", update.adam, memory.blocks, arguments, constants)
