"""The tensors of a step besides what it trains."""
