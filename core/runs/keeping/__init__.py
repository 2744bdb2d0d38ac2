"""What users keep of runs: their names, notes and tags, and the room that they take."""
