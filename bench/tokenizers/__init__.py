"""Tokenizer adapters, a file a family."""
