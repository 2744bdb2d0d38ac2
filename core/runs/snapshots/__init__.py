"""Snapshots of a run: its weights at moments of the training."""
