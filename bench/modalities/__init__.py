"""Modalities, one folder each, and the contracts they fulfill."""
