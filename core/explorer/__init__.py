"""One run opened for looking at."""
