"""The plane of latents: how dense they lie in it."""
