"""Pretrained backbones through the libraries that implement them, one module per model family."""
