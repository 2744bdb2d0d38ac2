"""The latent space: encoding, projections, paths, samplers."""
