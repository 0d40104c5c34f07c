"""Datasets, one module per source."""
