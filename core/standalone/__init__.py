"""A trained autoencoder as a folder that needs PyTorch and nothing of this program."""
