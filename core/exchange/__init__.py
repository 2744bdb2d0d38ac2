"""Runs and what they make of images, taken out and brought in as files."""
