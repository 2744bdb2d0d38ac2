"""Screens that look into one run: reconstruct, sample, latent, evaluate."""
