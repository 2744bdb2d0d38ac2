"""Work off the UI thread: polling of runs, tasks of screens."""
