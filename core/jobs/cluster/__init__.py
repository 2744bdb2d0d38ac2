"""Runs that a cluster's scheduler starts: how they are submitted, and what happens in a job."""
