"""Drawing a digit, and what a run makes of it."""
