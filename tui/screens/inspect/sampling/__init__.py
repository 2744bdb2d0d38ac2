"""What draws samples, and how they are laid out and chosen."""
