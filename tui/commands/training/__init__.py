"""Commands that train runs."""
