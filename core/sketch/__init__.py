"""Digits that a person draws: ink on a canvas, and the same brought to where MNIST has its digits."""
