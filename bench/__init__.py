"""ntp-bench: the benchmark of multimodal tokenizers and next-token-prediction backbones."""

__version__ = "0.1.0"
