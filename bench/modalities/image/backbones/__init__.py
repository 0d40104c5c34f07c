"""Pretrained backbones of images."""
