"""What this machine has for training and exploring, what is wrong, and how to fix it."""
