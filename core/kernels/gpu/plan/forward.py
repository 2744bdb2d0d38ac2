"""What lies between the launches that compute a loss: matrices, activations, and the sums of each layer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

import torch
import triton.language as tl
from torch import Tensor

from core.kernels.gpu.layers import IMAGE, MIDDLE, Layer
from core.kernels.gpu.memory import Slots
from core.kernels.gpu.plan.tables import forward_table, pixelwise_table, whole_table
from core.kernels.gpu.tiles import INTERPRETED, WEIGHTS, Tiles

LATENT = 4 * MIDDLE**2
FEWEST_PARTS = 16
FEWEST_COLUMNS = 8  # of a product
LAST_ROW = 16  # entries of the last convolution's gradient
Tables = dict[str, tuple[Tensor, str]]  # a matrix's table, and the weight it is made of
KINDS = {"ae": 0, "vae": 1, "vae-post": 2}


class Weights(Protocol):
    """Weights and running statistics in flat tensors, a row a run, and where in a row each of them lies."""

    places: Slots
    statistic_places: Slots
    weights: Tensor
    statistics: Tensor


class ForwardPlan:
    """The tensors of a forward pass on batches up to a size."""

    def __init__(
        self, encoder: list[Layer], decoder: list[Layer], preset: str, memory: Weights, tiles: Tiles, batch: int,
        numbers: torch.dtype, precision: str,
    ) -> None:  # fmt: skip
        """`numbers` are those between the layers, `precision` is Triton's word for products of float32."""
        self.encoder, self.decoder, self.layers = encoder, decoder, encoder + decoder
        self.kind, self.weights_of, self.tiles, self.batch = KINDS[preset], memory, tiles, batch
        self.runs, self.device = len(memory.weights), memory.weights.device
        self.low = numbers
        dot = tl.bfloat16 if numbers is torch.bfloat16 and not INTERPRETED else tl.float32
        self._products = {"DOT": dot, "PRECISION": "ieee" if INTERPRETED else precision}
        self.last = next(name for name in memory.places if self._is_last(name))
        self.z: dict[str, Tensor] = {}
        self.pooled: dict[str, Tensor] = {}
        self.winners: dict[str, Tensor] = {}
        self.partial_places = Slots()
        self._lay_out_images()
        self._lay_out_sums()

    def _empty(self, *shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
        return torch.zeros(self.runs, *shape, dtype=dtype, device=self.device)

    def _is_last(self, name: str) -> bool:
        blocks = tuple(f"{layer.name}." for layer in self.layers)
        return name.startswith("decoder") and name.endswith("weight") and not name.startswith(blocks)

    def _forward_tables(self) -> Tables:
        """What the matrices of the forward pass are made of."""
        tables: Tables = {}
        for layer in self.layers:
            if layer is self.decoder[0]:
                table = whole_table(layer.channels_in, layer.channels_out, False)
            else:
                table = forward_table(layer, self.tiles.forward(layer).block)
            tables[layer.name] = table, f"{layer.name}.0.weight"
        if self.kind == KINDS["vae"]:
            tables["mean"] = pixelwise_table(8, range(4), False), "head.weight"
            tables["spread"] = pixelwise_table(8, range(4, 8), False), "head.weight"
        return tables

    def _lay_out_matrices(self, tables: Tables) -> None:
        """Room for the matrices, and the table of all their entries."""
        self.matrix_places = Slots(WEIGHTS)
        rows: list[Tensor] = []
        terms_of_block: list[int] = []
        for name, (table, weight) in tables.items():
            self.matrix_places.add(name, table[..., 0].numel())
            flat = padded(table.flatten(0, 1), WEIGHTS)
            rows.append(torch.where(flat >= 0, flat + self.weights_of.places.start(weight), -1))
            terms_of_block.extend([table.shape[2]] * (len(flat) // WEIGHTS))
        self.matrices = self._empty(self.matrix_places.length, dtype=self.low)
        self.table = joined(rows, self.device)
        self.terms = integers(terms_of_block, self.device)

    def _lay_out_images(self) -> None:
        """What all layers use one after the other, the latents, and what the loss is made of."""
        largest = max(layer.size**2 * max(layer.channels_in, layer.channels_out) for layer in self.layers)
        self.passed = self._empty(self.batch, largest, dtype=self.low)
        self.of_output = self._empty(self.batch, IMAGE, IMAGE)
        self.latents, self.moments = self._empty(self.batch, LATENT), self._empty(self.batch, 2, LATENT)
        self.noise = self._empty(self.batch, 4, MIDDLE, MIDDLE)
        self.chosen = self._empty(self.batch, dtype=torch.int64)
        self.errors = self._empty(self.last_parts(self.batch))
        self.divergences = self._empty(self.parts(self.decoder[0], self.batch))

    def _lay_out_sums(self) -> None:
        """The sums over each layer's output, one from each program of its launch, and what a normalisation makes."""
        self.sums = {layer.name: self._empty(2, layer.channels_out, self.capacity(layer)) for layer in self.layers}
        self.coefficients = {layer.name: self._empty(4, layer.channels_out) for layer in self.layers}
        last = self.layers[-1]
        self.sums_of_output = self._empty(2, last.channels_out, self.capacity_back(last))

    def _lay_out_partials(self, sizes: Mapping[str, int]) -> None:
        """Room for parts of gradients, those of the last convolution after these."""
        for name, size in sizes.items():
            self.partial_places.add(name, size)
        self.partial_places.add("last", self.last_parts(self.batch) * LAST_ROW)
        self.partials = self._empty(self.partial_places.length)

    # How many programs there are

    def parts(self, layer: Layer, count: int, back: bool = False) -> int:
        """The programs of a layer's launch for so many images."""
        if layer is self.decoder[0]:
            return -(-count // self.tiles.latents)
        tiling = self.tiles.backward(layer) if back else self.tiles.forward(layer)
        return -(-count // tiling.images)

    def parts_back(self, layer: Layer, count: int) -> int:
        """The programs that add up the gradient of a layer's output."""
        after = self.layers.index(layer) + 1
        return self.parts(self.layers[after], count, back=True) if after < len(self.layers) else self.last_parts(count)

    def capacity(self, layer: Layer) -> int:
        """For how many programs there is room where sums of a layer's output lie, a power of two."""
        return max(FEWEST_PARTS, power_of_two(self.parts(layer, self.batch)))

    def capacity_back(self, layer: Layer) -> int:
        """The same for the gradient of its output."""
        return max(FEWEST_PARTS, power_of_two(self.parts_back(layer, self.batch)))

    def last_parts(self, count: int) -> int:
        """The programs of the last convolution's launch."""
        return -(-count * IMAGE**2 // self.tiles.pixels)

    # Places of tensors that a kernel is given

    def weight(self, name: str) -> Tensor:
        """A tensor of the model, of all runs from the first on."""
        return self.weights_of.weights.view(-1)[self.weights_of.places.start(name) :]

    def statistic(self, layer: Layer) -> Tensor:
        """The running mean and, after it, variance."""
        places = self.weights_of.statistic_places
        return self.weights_of.statistics.view(-1)[places.start(f"{layer.name}.1.running_mean") :]

    def matrix(self, name: str) -> Tensor:
        """A matrix, of all runs."""
        return self.matrices.view(-1)[self.matrix_places.start(name) :]

    def partial(self, name: str) -> Tensor:
        """The parts of a gradient, of all runs."""
        return self.partials.view(-1)[self.partial_places.start(name) :]

    def read_sums(self, layer: Layer, count: int) -> tuple[Tensor, int, int]:
        """By which sums whoever reads a layer's output normalises it, how many there are, and how many could be."""
        return self.sums[layer.name], self.parts(layer, count), self.capacity(layer)

    def read_statistic(self, layer: Layer) -> Tensor:
        """What such a reader keeps up to date."""
        return self.statistic(layer)

    @property
    def products(self) -> dict[str, Any]:
        """What products are computed in."""
        return self._products


def padded(rows: Tensor, multiple: int) -> Tensor:
    """(N, terms) with rows of -1 up to a multiple."""
    missing = -len(rows) % multiple
    return torch.cat([rows, torch.full((missing, rows.shape[1]), -1)])


def joined(rows: Iterable[Tensor], device: torch.device) -> Tensor:
    """Rows of (N, terms) as one table (most terms, sum of N) on the device."""
    found = list(rows)
    most = max(part.shape[1] for part in found)
    table = torch.full((sum(map(len, found)), most), -1)
    start = 0
    for part in found:
        table[start : start + len(part), : part.shape[1]] = part
        start += len(part)
    return table.T.contiguous().to(device, torch.int32)


def power_of_two(number: int) -> int:
    """The smallest that is no less, as the sizes of a kernel's blocks have to be."""
    return 1 << max(number - 1, 0).bit_length()


def integers(values: list[int], device: torch.device) -> Tensor:
    """Numbers that a kernel looks up."""
    return torch.tensor(values, dtype=torch.int32, device=device)
