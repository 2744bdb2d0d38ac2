"""Pure functions from arrays to lines of cells."""
