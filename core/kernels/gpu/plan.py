"""The launches of a step in their order, and the tensors that lie between them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
import triton.language as tl
from torch import Tensor

from core.kernels.gpu.layers import IMAGE, MIDDLE, Layer
from core.kernels.gpu.memory import Memory, Slots
from core.kernels.gpu.tables import backward_table, forward_table, pixelwise_table, transpose, whole_table
from core.kernels.gpu.tiles import INTERPRETED, WEIGHTS, Tiles

LATENT = 4 * MIDDLE**2
FEWEST_PARTS = 16
FEWEST_COLUMNS = 8  # of a product
Tables = dict[str, tuple[Tensor, str]]  # a matrix's table, and the weight it is made of
KINDS = {"ae": 0, "vae": 1, "vae-post": 2}


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


class Plan:
    """All tensors of a step besides what it trains, for batches up to a size, and its launches for each size."""

    def __init__(
        self, encoder: list[Layer], decoder: list[Layer], preset: str, memory: Memory, tiles: Tiles, batch: int,
        low: bool, optimal: bool,
    ) -> None:  # fmt: skip
        self.encoder, self.decoder, self.layers = encoder, decoder, encoder + decoder
        self.kind, self.memory, self.tiles, self.optimal = KINDS[preset], memory, tiles, optimal
        self.batch, self.runs = batch, len(memory.weights)
        self.device = memory.weights.device
        self.low = torch.bfloat16 if low else torch.float32
        dot = tl.bfloat16 if low and not INTERPRETED else tl.float32
        self._products = {"DOT": dot, "PRECISION": "ieee" if INTERPRETED else "tf32"}
        forward, backward = self._tables()
        self._lay_out_matrices(forward, backward)
        self._lay_out_gradients(backward)
        self._lay_out_images()
        self._lay_out_partials()

    # Tensors

    def _empty(self, *shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
        return torch.zeros(self.runs, *shape, dtype=dtype, device=self.device)

    def _tables(self) -> tuple[Tables, Tables]:
        """What the matrices are made of. The first layer passes nothing back: its gradient is of the forward one."""
        forward: Tables = {}
        backward: Tables = {}
        for layer in self.layers:
            weight = f"{layer.name}.0.weight"
            if layer is self.decoder[0]:
                forward[layer.name] = whole_table(layer.channels_in, layer.channels_out, False), weight
                backward[layer.name] = whole_table(layer.channels_in, layer.channels_out, True), weight
            else:
                forward[layer.name] = forward_table(layer, self.tiles.forward(layer).block), weight
                make = forward_table if layer is self.layers[0] else backward_table
                backward[layer.name] = make(layer, self.tiles.backward(layer).block), weight
        if self.kind == KINDS["vae"]:
            for name, outputs in (("mean", range(4)), ("spread", range(4, 8))):
                forward[name] = pixelwise_table(8, outputs, False), "head.weight"
                backward[name] = pixelwise_table(8, outputs, True), "head.weight"
        return forward, backward

    def _lay_out_matrices(self, forward: Tables, backward: Tables) -> None:
        """Room for the matrices, and the table of all their entries."""
        self.matrix_places = Slots(WEIGHTS)
        rows: list[Tensor] = []
        terms_of_block: list[int] = []
        for name, (table, weight) in (forward | {f"{name} back": found for name, found in backward.items()}).items():
            self.matrix_places.add(name, table[..., 0].numel())
            flat = _padded(table.flatten(0, 1), WEIGHTS)
            rows.append(torch.where(flat >= 0, flat + self.memory.places.start(weight), -1))
            terms_of_block.extend([table.shape[2]] * (len(flat) // WEIGHTS))
        self.matrices = self._empty(self.matrix_places.length, dtype=self.low)
        self.table = _table(rows, self.device)
        self.terms = integers(terms_of_block, self.device)

    def _lay_out_gradients(self, backward: Tables) -> None:
        """Room for the gradients of matrices and normalisations, and which of them a weight's gradient is made of."""
        self.gradient_places = Slots()
        self.last = next(name for name in self.memory.places if self._is_last(name))
        back: dict[str, list[Tensor]] = {}

        def keep(name: str, size: int, of_weights: Iterable[tuple[str, Tensor]]) -> None:
            """Room for a gradient, whose entries (weights, terms) belong to these weights."""
            start = self.gradient_places.add(name, size)
            for weight, entries in of_weights:
                back.setdefault(weight, []).append(torch.where(entries >= 0, entries + start, -1))

        def of_matrix(name: str, first: int = 0) -> tuple[str, Tensor]:
            table, weight = backward[name]
            entries = transpose(table, self.memory.places.size(weight))
            return weight, torch.where(entries >= 0, entries + first, -1)

        for layer in self.layers:
            size = backward[layer.name][0][..., 0].numel()
            of_weights = [of_matrix(layer.name)]
            if layer is self.decoder[0] and self.kind == KINDS["vae"]:  # the head's share its rows
                head = 8 * MIDDLE**2 * LATENT
                of_weights += [of_matrix("mean", size), of_matrix("spread", size + head)]
                pixels = torch.arange(MIDDLE**2) * 4
                biases = [part * LATENT + torch.arange(4)[:, None] + pixels[None, :] for part in range(2)]
                of_weights.append(("head.bias", torch.cat(biases) + size + 2 * head))
                size += 2 * (head + LATENT)
            keep(layer.name, size, of_weights)
            for kind in ("weight", "bias"):
                entries = torch.arange(layer.channels_out)[:, None]
                keep(f"{layer.name} {kind}", layer.channels_out, [(f"{layer.name}.1.{kind}", entries)])
        bias = (self.last.replace("weight", "bias"), torch.full((1, 1), 8))
        keep("last", 16, [(self.last, torch.arange(8)[:, None]), bias])
        self.gradients = self._empty(self.gradient_places.length)
        self._lay_out_terms(back)

    def _is_last(self, name: str) -> bool:
        blocks = tuple(f"{layer.name}." for layer in self.layers)
        return name.startswith("decoder") and name.endswith("weight") and not name.startswith(blocks)

    def _lay_out_terms(self, back: dict[str, list[Tensor]]) -> None:
        """For each weight where parts of its gradient are."""
        length = self.memory.places.length
        merged = {name: torch.cat(found, dim=1) for name, found in back.items()}
        terms = torch.full((length, max(found.shape[1] for found in merged.values())), -1)
        for name, found in merged.items():
            start = self.memory.places.start(name)
            terms[start : start + len(found), : found.shape[1]] = found
        terms = terms.sort(dim=1, descending=True).values  # what is none comes last
        most = int((terms >= 0).sum(1).max())
        self.gradient_table = _table([terms[:, :most]], self.device)
        blocks = _padded(terms, WEIGHTS).view(self.memory.blocks, WEIGHTS, -1)
        self.gradient_terms = integers([int((block >= 0).sum(1).max()) for block in blocks], self.device)

    def _lay_out_images(self) -> None:
        """What lies between the launches, for the largest batch."""
        self.z: dict[str, Tensor] = {}
        self.pooled: dict[str, Tensor] = {}
        self.winners: dict[str, Tensor] = {}
        self.gradient: dict[str, Tensor] = {}
        self.coefficients: dict[str, Tensor] = {}
        for layer in self.layers:
            size, channels = layer.size, layer.channels_out
            self.z[layer.name] = self._empty(self.batch, size, size, channels, dtype=self.low)
            if layer.pooled_after:
                size //= 2
                self.pooled[layer.name] = self._empty(self.batch, size, size, channels, dtype=self.low)
                self.winners[layer.name] = self._empty(self.batch, size, size, channels, dtype=torch.int8)
            self.gradient[layer.name] = self._empty(self.batch, size, size, channels, dtype=self.low)
            self.coefficients[layer.name] = self._empty(4, channels)
        largest = max(layer.size**2 * max(layer.channels_in, layer.channels_out) for layer in self.layers)
        self.passed = self._empty(self.batch, largest, dtype=self.low)
        self.of_output = self._empty(self.batch, IMAGE, IMAGE)
        self.latents, self.moments = self._empty(self.batch, LATENT), self._empty(self.batch, 2, LATENT)
        self.noise = self._empty(self.batch, 4, MIDDLE, MIDDLE)
        self.chosen = self._empty(self.batch, dtype=torch.int64)
        self.weights_of_kl = self._empty(1)
        self.totals = self._empty(2, dtype=torch.float64)

    def _lay_out_partials(self) -> None:
        """Sums and parts of gradients, one from each program of the launch that makes them."""
        self.sums: dict[str, Tensor] = {}
        self.sums_back: dict[str, Tensor] = {}
        self.partial_places = Slots()
        self._rows = {
            name: self.gradient_places.size(name) for name in [*(layer.name for layer in self.layers), "last"]
        }
        for layer in self.layers:
            self.sums[layer.name] = self._empty(2, layer.channels_out, self.capacity(layer))
            self.sums_back[layer.name] = self._empty(2, layer.channels_out, self.capacity_back(layer))
            self.partial_places.add(layer.name, self.parts(layer, self.batch, back=True) * self.row(layer.name))
        self.partial_places.add("last", self.last_parts(self.batch) * self.row("last"))
        self.partials = self._empty(self.partial_places.length)
        self.errors = self._empty(self.last_parts(self.batch))
        self.divergences = self._empty(self.parts(self.decoder[0], self.batch))

    def row(self, name: str) -> int:
        """The entries of a gradient that programs leave in parts."""
        return self._rows[name]

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
        return self.memory.weights.view(-1)[self.memory.places.start(name) :]

    def statistic(self, layer: Layer) -> Tensor:
        """The running mean and, after it, variance."""
        return self.memory.statistics.view(-1)[self.memory.statistic_places.start(f"{layer.name}.1.running_mean") :]

    def matrix(self, name: str) -> Tensor:
        """A matrix, of all runs."""
        return self.matrices.view(-1)[self.matrix_places.start(name) :]

    def gradient_of(self, name: str) -> Tensor:
        """A gradient that was added up, of all runs."""
        return self.gradients.view(-1)[self.gradient_places.start(name) :]

    def partial(self, name: str) -> Tensor:
        """The parts of a gradient, of all runs."""
        return self.partials.view(-1)[self.partial_places.start(name) :]

    @property
    def products(self) -> dict[str, Any]:
        """What products are computed in."""
        return self._products


def _padded(rows: Tensor, multiple: int) -> Tensor:
    """(N, terms) with rows of -1 up to a multiple."""
    missing = -len(rows) % multiple
    return torch.cat([rows, torch.full((missing, rows.shape[1]), -1)])


def _table(rows: Iterable[Tensor], device: torch.device) -> Tensor:
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
