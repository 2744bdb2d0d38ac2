"""What models give, as it is shown."""
