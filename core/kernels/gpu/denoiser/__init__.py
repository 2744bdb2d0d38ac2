"""The denoiser's network on a GPU: PyTorch's layers, of which normalisations and what follows them are kernels."""
