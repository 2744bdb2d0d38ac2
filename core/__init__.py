"""The science and the runs: models, data, training and the run directory. Knows no terminal."""
