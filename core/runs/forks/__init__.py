"""Forks: runs that go on from where another one was, with other settings."""
