"""How the convolutions are cut up: what was found to be fastest."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace

import torch
import triton

from core.kernels.gpu.layers import Layer, Tiling, Unfit

OLDEST_TRITON = 3, 3
INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"
# The interpreter takes its time for every program, however little that does.
WEIGHTS = 4096 if INTERPRETED else 256  # that one program of Adam changes, and entries that one makes of a matrix
ENTRIES = 4096 if INTERPRETED else 128  # whose parts one program adds up

# Block, images, taps, ahead, warps: what `tests.gpu.sweep` found best on an H200 for one run and for eight, in float32.
FORWARD = {
    "encoder.0.0": Tiling(2, 1, 16, 1, 4),
    "encoder.0.1": Tiling(2, 1, 4, 3, 8),
    "encoder.1.1": Tiling(1, 1, 2, 5, 8),
    "encoder.1.2": Tiling(1, 1, 1, 9, 8),
    "encoder.2.1": Tiling(1, 1, 1, 9, 4),
    "encoder.2.2": Tiling(1, 1, 2, 1, 4),
    "encoder.3.1": Tiling(1, 4, 1, 9, 4),
    "encoder.3.2": Tiling(1, 1, 2, 5, 1),
    "decoder.0.1": Tiling(1, 2, 4, 3, 1),
    "decoder.1.1": Tiling(1, 1, 1, 6, 4),
    "decoder.1.2": Tiling(1, 1, 2, 1, 4),
    "decoder.1.3": Tiling(1, 1, 2, 1, 4),
    "decoder.2.1": Tiling(2, 1, 2, 4, 4),
    "decoder.2.2": Tiling(1, 1, 2, 4, 8),
    "decoder.2.3": Tiling(2, 1, 4, 3, 4),
    "decoder.3.1": Tiling(2, 1, 2, 5, 16),
    "decoder.3.2": Tiling(2, 1, 4, 2, 16),
}
BACKWARD = {
    "encoder.0.0": Tiling(2, 1, 16, 1, 4),
    "encoder.0.1": Tiling(2, 1, 8, 1, 8),
    "encoder.1.1": Tiling(2, 1, 4, 2, 4),
    "encoder.1.2": Tiling(2, 1, 2, 1, 4),
    "encoder.2.1": Tiling(1, 1, 1, 2, 2),
    "encoder.2.2": Tiling(1, 1, 1, 2, 2),
    "encoder.3.1": Tiling(1, 2, 2, 5, 2),
    "encoder.3.2": Tiling(1, 2, 4, 3, 2),
    "decoder.0.1": Tiling(1, 2, 4, 1, 2),
    "decoder.1.1": Tiling(1, 2, 2, 2, 2),
    "decoder.1.2": Tiling(1, 1, 1, 1, 4),
    "decoder.1.3": Tiling(1, 1, 1, 3, 2),
    "decoder.2.1": Tiling(1, 1, 4, 1, 4),
    "decoder.2.2": Tiling(2, 1, 2, 1, 4),
    "decoder.2.3": Tiling(2, 1, 8, 1, 4),
    "decoder.3.1": Tiling(1, 1, 4, 1, 4),
    "decoder.3.2": Tiling(2, 1, 8, 1, 8),
}
LEAST_SUM = 16  # terms
# With bfloat16 between the layers, by the pixels on a side of what is computed: faster then than those above, with
# which its loss was off on an H200.
LOW_FORWARD = {
    32: Tiling(2, 1, 4, 2, 8), 16: Tiling(1, 1, 2, 2, 8), 8: Tiling(1, 1, 1, 3, 4), 4: Tiling(1, 2, 4, 2, 4),
}  # fmt: skip
LOW_BACKWARD = {
    32: Tiling(2, 1, 8, 1, 8), 16: Tiling(1, 1, 4, 1, 8), 8: Tiling(1, 1, 2, 1, 4), 4: Tiling(1, 2, 4, 1, 4),
}  # fmt: skip
# Where 16 x 16 pixels have eight channels on one side, four at a time need fewer registers than there are.
EIGHT = 8
LOW_BACKWARD_EIGHT = Tiling(2, 1, 8, 1, 4)
# Where a program is given less shared memory than the largest of these need. They were compiled, not timed.
NARROW_FORWARD = {
    "encoder.0.1": Tiling(2, 1, 4, 2, 8),
    "encoder.1.2": Tiling(1, 1, 1, 4, 8),
    "decoder.2.2": Tiling(1, 1, 2, 2, 8),
}
NARROW_BACKWARD = {"encoder.0.1": Tiling(2, 1, 4, 1, 8), "decoder.3.2": Tiling(2, 1, 4, 1, 8)}
WIDE, NARROW = 172_032, 101_376  # bytes of shared memory


@dataclass(frozen=True)
class Tiles:
    """The tiling of every layer, by its name where it was chosen for that layer; `low` with bfloat16 between them."""

    forwards: dict[str, Tiling] = field(default_factory=dict)
    backwards: dict[str, Tiling] = field(default_factory=dict)
    low: bool = False
    latents: int = 16  # images a program
    latent_warps: int = 4
    pixels: int = 512  # of the last convolution a program
    pixel_warps: int = 4

    def forward(self, layer: Layer) -> Tiling:
        """Of the output's computation."""
        usual = LOW_FORWARD[layer.size] if self.low else FORWARD[layer.name]
        return _deep_enough(self.forwards.get(layer.name) or usual, layer.channels_in)

    def backward(self, layer: Layer) -> Tiling:
        """Of the gradients' computation."""
        usual = _low_backward(layer) if self.low else BACKWARD[layer.name]
        return _deep_enough(self.backwards.get(layer.name) or usual, layer.channels_out)


def _low_backward(layer: Layer) -> Tiling:
    has_eight = layer.size == 16 and EIGHT in (layer.channels_in, layer.channels_out)
    return LOW_BACKWARD_EIGHT if has_eight else LOW_BACKWARD[layer.source_size]


def room_of(device: torch.device) -> int:
    """The shared memory for which there are tilings that a program on this device has. Raises Unfit."""
    if device.type != "cuda":
        return WIDE
    if tuple(int(part) for part in triton.__version__.split(".")[:2]) < OLDEST_TRITON:
        raise Unfit(f"Triton {triton.__version__} has no products of 8 columns; 3.3 has, which comes with PyTorch 2.7")
    # Older versions do not say.
    given = int(getattr(torch.cuda.get_device_properties(device), "shared_memory_per_block_optin", WIDE))
    if given < NARROW:
        raise Unfit(f"a program needs {NARROW // 1024} KB of shared memory; this GPU gives it {given // 1024}")
    return WIDE if given >= WIDE else NARROW


def tiles_within(room: int, precision: str) -> Tiles:
    """The tilings for so much shared memory, WIDE or NARROW."""
    if precision == "bfloat16":
        return Tiles(low=True)  # fits into either
    return Tiles() if room == WIDE else Tiles(NARROW_FORWARD, NARROW_BACKWARD)


def _deep_enough(tiling: Tiling, channels: int) -> Tiling:
    """The tiling with as many taps as make the least sum that a product may have, where a network has few channels."""
    return replace(tiling, taps=max(tiling.taps, -(-LEAST_SUM // channels)))
