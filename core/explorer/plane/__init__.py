"""Answers about the plane of latents: densities in it, and projections that are not linear."""
