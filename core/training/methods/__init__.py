"""By which method a step of training is done: compiled code, kernels for a GPU, or PyTorch's own layers."""
