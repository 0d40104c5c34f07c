"""Backbones: models of a tokenizer's tokens, a file per paradigm."""
