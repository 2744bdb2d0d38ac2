"""What fills the plane in place of points: densities, and what decodes there."""
