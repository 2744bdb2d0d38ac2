"""Moving screens through the training of a run."""
