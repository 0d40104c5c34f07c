"""Pretrained backbones of audio."""
