"""The products of compiled steps that this machine has."""

from core.kernels.compiler import may_use_tiles
from core.kernels.step_library import Products

PRODUCTS = [products for products in Products if products is not Products.TILES or may_use_tiles()]
