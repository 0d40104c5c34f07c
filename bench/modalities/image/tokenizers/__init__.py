"""Tokenizers and codecs of images."""
