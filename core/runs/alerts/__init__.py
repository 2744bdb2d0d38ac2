"""What somebody should know of a run, and what to do about it."""
