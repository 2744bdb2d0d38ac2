"""The GPU kernels of a training step, in Triton."""
