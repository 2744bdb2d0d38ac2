"""Plots of curves: scales, axes, legends, and what stands out on them."""
