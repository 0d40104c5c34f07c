"""Datasets of audio."""
