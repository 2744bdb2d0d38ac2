"""The commands of `vae-tui`."""
