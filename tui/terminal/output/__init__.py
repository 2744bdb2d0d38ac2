"""What goes to the terminal: no more than changed, and how much that is."""
