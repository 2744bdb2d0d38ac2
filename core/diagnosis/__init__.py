"""What this machine has for training and exploring, what is amiss, and what mends it."""
