"""Making a fork: the state that it goes on from, and its folder."""
