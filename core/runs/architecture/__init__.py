"""Which models a run can have, and how large they are."""
