"""The device that a run trains on: which, how it computes, its load and its memory."""
