"""metrics.jsonl: what its lines are, how a trainer appends them, and how they are followed."""
