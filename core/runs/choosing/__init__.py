"""Choosing among runs: by what is asked of them, in which order, and which of them belong together."""
