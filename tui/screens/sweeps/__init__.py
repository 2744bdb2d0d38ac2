"""The screen that shows what a sweep came to."""
