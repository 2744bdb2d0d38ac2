"""What a step launches, in its order."""
