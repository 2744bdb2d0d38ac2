"""Images of a user's own: where they lie, how they are read, and how they become grey squares."""
