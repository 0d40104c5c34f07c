"""Models of tokens: probes and pretrained backbones, what they are trained on, and what they cost."""
