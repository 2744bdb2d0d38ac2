"""What the app says of itself: its keys, its screens, what is seen."""
