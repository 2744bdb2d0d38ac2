"""Looking into one run: its newest model, what can be asked of it, and the answers."""
