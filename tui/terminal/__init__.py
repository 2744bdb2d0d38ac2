"""What the terminal shows and how it draws pictures."""
