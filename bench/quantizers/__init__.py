"""Quantizer families of the surveys behind one contract, one module per family."""
