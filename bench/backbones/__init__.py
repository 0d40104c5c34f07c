"""Backbones: models of a tokenizer's tokens, one module per paradigm."""
