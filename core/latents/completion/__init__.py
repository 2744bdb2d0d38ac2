"""Completing a digit of which some pixels are known."""
