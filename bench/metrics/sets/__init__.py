"""Metrics that compare two sets of features."""
