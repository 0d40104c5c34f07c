"""Quantizer families of the surveys, a file each, behind one contract."""
