"""Runs on disk: settings, configuration, status, metrics, the run directory, the catalog of runs."""
