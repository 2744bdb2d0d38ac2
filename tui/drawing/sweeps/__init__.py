"""Pictures of what a sweep came to."""
