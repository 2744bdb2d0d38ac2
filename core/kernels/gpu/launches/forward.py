"""The launches of a forward pass: matrices, convolutions, the latent, and the loss."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from torch import Tensor

from core.kernels.gpu.layers import IMAGE, Layer
from core.kernels.gpu.plan.forward import FEWEST_COLUMNS, KINDS, ForwardPlan
from core.kernels.gpu.tiles import WEIGHTS
from core.kernels.triton import convolutions, ends, update

TERMS = 4  # of the sums in a table that are looked up at once
AnyPlan = TypeVar("AnyPlan", bound=ForwardPlan)


@dataclass(frozen=True)
class Launch:
    """One launch of a kernel."""

    name: str
    kernel: Any
    grid: tuple[int, ...]
    arguments: tuple[Any, ...]
    constants: dict[str, Any]

    def __call__(self) -> None:
        self.kernel[self.grid](*self.arguments, **self.constants)


class ForwardBuilder(Generic[AnyPlan]):
    """Builds the launches of a plan for batches of `count` images of a set uint8 (N, 32, 32)."""

    def __init__(self, plan: AnyPlan, images: Tensor, count: int) -> None:
        self._plan, self._images, self._count = plan, images, count
        self._weights = plan.weights_of
        self._sources = dict(zip(plan.layers[1:], plan.layers, strict=False))

    def build(self) -> list[Launch]:
        """The launches in their order."""
        plan = self._plan
        launches = [self._matrices()]
        for layer in plan.layers:
            launches.append(self._encode() if layer is plan.decoder[0] else self._forward(layer))
        return [*launches, self._last()]

    def _matrices(self) -> Launch:
        plan = self._plan
        arguments = (
            self._weights.weights, plan.matrices, plan.table, plan.terms, plan.matrix_places.length,
            self._weights.places.length,
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
        sums, _, _ = plan.read_sums(layer, self._count)
        weight, bias = plan.weight(f"{layer.name}.1.weight"), plan.weight(f"{layer.name}.1.bias")
        return sums, weight, bias, plan.coefficients[layer.name], plan.read_statistic(layer)

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
        _, parts, room = plan.read_sums(before or layer, self._count)
        programs = plan.parts(layer, self._count)
        arguments = (
            self._source(layer), plan.chosen, *normalisation, plan.passed, plan.matrix(name),
            *self._expected(layer),
            plan.z[name], plan.sums[name], plan.weight(f"{name}.1.weight"), plan.pooled.get(name, plan.z[name]),
            plan.winners.get(name, plan.z[name]),
            self._count, parts if before else 1, programs, self._weights.places.length,
            self._weights.statistic_places.length, plan.matrix_places.length,
        )  # fmt: skip
        constants = {
            "IMAGES": before is None, "DOUBLED": layer.upsampled and view.block == 1,
            "NORMALISED": before.size**2 if before else 0, "LEVEL": view.groups.bit_length() - 1,
            "STRIDE": view.stride, "WINDOW": view.window, "BLOCK": view.block, "CI": layer.channels_in,
            "CO": layer.channels_out,
            "COLUMNS": max(FEWEST_COLUMNS, view.block**2 * layer.channels_out), "TAPS": tiling.taps,
            "AHEAD": tiling.ahead, "ROWS": tiling.images * view.groups**2, "POOL": layer.pooled_after,
            "SOURCE_PARTS": room, "OWN_PARTS": plan.capacity(layer),
            "num_warps": tiling.warps, **plan.products,
        }  # fmt: skip
        return self._launch(f"forward {name}", convolutions.convolve, programs, arguments, constants)

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
        _, parts, room = plan.read_sums(before, self._count)
        programs = plan.parts(layer, self._count)
        bias = plan.weight("head.bias") if plan.kind == KINDS["vae"] else self._weights.weights
        arguments = (
            plan.z[before.name], *self._normalisation(before), *self._head(""), bias, plan.noise, plan.moments,
            plan.latents, plan.matrix(layer.name), *self._expected(layer), plan.z[layer.name], plan.sums[layer.name],
            plan.divergences,
            self._count, parts, programs, self._weights.places.length,
            self._weights.statistic_places.length, plan.matrix_places.length,
        )  # fmt: skip
        sizes = {"SOURCE_PARTS": room, "OWN_PARTS": plan.capacity(layer)}
        constants = self._middle() | sizes
        return self._launch("encode", ends.encode, programs, arguments, constants)

    def _last(self) -> Launch:
        plan = self._plan
        before = plan.layers[-1]
        _, parts, room = plan.read_sums(before, self._count)
        programs = plan.last_parts(self._count)
        arguments = (
            plan.z[before.name], *self._normalisation(before), plan.weight(plan.last),
            plan.weight(plan.last.replace("weight", "bias")), self._images, plan.chosen, plan.of_output,
            plan.sums_of_output, plan.partial("last"), plan.errors,
            self._count, parts, programs, self._weights.places.length,
            self._weights.statistic_places.length, plan.partial_places.length,
        )  # fmt: skip
        constants = {
            "LEVEL": IMAGE.bit_length() - 1, "ROWS": plan.tiles.pixels, "SOURCE_PARTS": room,
            "OWN_PARTS": plan.capacity_back(before), "num_warps": plan.tiles.pixel_warps,
        }  # fmt: skip
        return self._launch("project", ends.project, programs, arguments, constants)
