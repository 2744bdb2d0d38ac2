"""The GPU kernels of training steps, in Triton.

What Triton keeps of a kernel goes by a key that is made of the keys of all functions it calls; in version 3.6 it also
depends on which of these had theirs before. So all get theirs here, in an order that is the same in every process: what
one has compiled, another finds.
"""

from types import ModuleType

from core.kernels.triton import convolutions, ends, first, groups, shared, update

MODULES: tuple[ModuleType, ...] = (shared, convolutions, ends, first, update, groups)

for module in MODULES:
    for found in vars(module).values():
        _ = getattr(found, "cache_key", None)  # Triton's interpreter has none
