"""Trainer processes: starting them, what runs in them, sweeps."""
