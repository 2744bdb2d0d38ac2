"""What a run makes of a drawn digit."""
