"""Tokenizer adapters, one module per family."""
