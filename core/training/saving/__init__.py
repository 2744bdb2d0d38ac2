"""Saves: what a step boundary leaves is taken at once, and written while training goes on."""
