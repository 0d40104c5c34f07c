"""Datasets, a file a source."""
