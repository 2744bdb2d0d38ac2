"""The whole training step of an autoencoder in Triton kernels of our own, for several runs at a time."""
