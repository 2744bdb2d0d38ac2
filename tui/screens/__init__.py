"""The screens: those of runs, those that look into one run, two runs compared; and what they share."""
