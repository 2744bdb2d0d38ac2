"""The parts of an evaluation: how far it is, what samples are compared with and in which features, and classes."""
