"""Looking at a run as it was at a moment of its training."""
