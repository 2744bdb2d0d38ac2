"""How good samples, reconstructions and likelihood are."""
