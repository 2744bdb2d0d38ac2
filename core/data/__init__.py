"""Image sets: names and folders, downloads, images as tensors."""
