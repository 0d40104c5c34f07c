"""Metrics of the tokens of nodes."""
