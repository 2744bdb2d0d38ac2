"""What belongs to the plane of latents: what is beside it, how it is looked at, how it is projected."""
