"""A learned prior at work: latents that travel from noise to digits."""
