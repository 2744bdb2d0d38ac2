"""The commands that write files for other programs and machines, and read theirs."""
