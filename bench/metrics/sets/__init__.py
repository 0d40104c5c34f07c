"""Metrics that compare a set of features with a set."""
