"""Gradient estimators: how the encoder gets a gradient through the choice of a codeword, one module each."""
