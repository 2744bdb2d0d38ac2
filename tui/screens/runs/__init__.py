"""Screens of runs: the list, training, the form of a new run."""
