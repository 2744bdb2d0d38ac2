"""What screens share: plots, pictures, rows of facts."""
