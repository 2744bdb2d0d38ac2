"""The parts of a trainer's process: what it is told, what it tells, and when."""
