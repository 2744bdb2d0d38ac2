"""The fast training step: fused layers over compiled kernels."""
