"""Data sets of knowledge graphs."""
