"""The form of a new run: its fields, and what it knows of images."""
