"""Remedies against codebook collapse, one module each."""
