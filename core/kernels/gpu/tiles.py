"""How the convolutions are cut up: what was found to be fastest."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace

from core.kernels.gpu.layers import Layer, Tiling

INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"
# The interpreter takes its time for every program, however little that does.
WEIGHTS = 4096 if INTERPRETED else 256  # that one program of Adam changes, and entries that one makes of a matrix
ENTRIES = 4096 if INTERPRETED else 128  # whose parts one program adds up

# By the pixels on a side of what is computed; measured on an H200.
FORWARD = {
    32: Tiling(block=2, images=1, taps=4, ahead=2, warps=8),
    16: Tiling(block=1, images=1, taps=2, ahead=2, warps=8),
    8: Tiling(block=1, images=1, taps=1, ahead=3, warps=4),
    4: Tiling(block=1, images=2, taps=4, ahead=2, warps=4),
}
BACKWARD = {
    32: Tiling(block=2, images=1, taps=8, ahead=1, warps=8),
    16: Tiling(block=1, images=1, taps=4, ahead=1, warps=8),
    8: Tiling(block=1, images=1, taps=2, ahead=1, warps=4),
    4: Tiling(block=1, images=2, taps=4, ahead=1, warps=4),
}
# Where 16 x 16 pixels have eight channels on one side, four at a time need fewer registers than there are.
EIGHT = 8
BACKWARD_EIGHT = Tiling(block=2, images=1, taps=8, ahead=1, warps=4)
SHARED = 172_032  # bytes of shared memory that the largest of these needs


@dataclass(frozen=True)
class Tiles:
    """The tiling of every layer, by its name where it was chosen for that layer."""

    forwards: dict[str, Tiling] = field(default_factory=dict)
    backwards: dict[str, Tiling] = field(default_factory=dict)
    latents: int = 16  # images a program
    latent_warps: int = 4
    pixels: int = 512  # of the last convolution a program
    pixel_warps: int = 4

    def forward(self, layer: Layer) -> Tiling:
        """Of the output's computation."""
        return self.forwards.get(layer.name) or self._fit(FORWARD[layer.size], layer.channels_in)

    def backward(self, layer: Layer) -> Tiling:
        """Of the gradients' computation."""
        tiling = BACKWARD[layer.source_size]
        if layer.size == 16 and EIGHT in (layer.channels_in, layer.channels_out):
            tiling = BACKWARD_EIGHT
        return self.backwards.get(layer.name) or self._fit(tiling, layer.channels_out)

    @staticmethod
    def _fit(tiling: Tiling, channels: int) -> Tiling:
        """A product needs sixteen entries of a window."""
        return replace(tiling, taps=max(tiling.taps, 16 // channels))
