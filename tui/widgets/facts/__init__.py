"""Facts and figures of a run, in a column or a table."""
