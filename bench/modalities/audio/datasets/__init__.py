"""Data sets of audio."""
