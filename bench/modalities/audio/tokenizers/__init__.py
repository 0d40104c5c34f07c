"""Tokenizers and codecs of audio."""
