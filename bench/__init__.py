"""ntp-bench: the benchmark of multimodal tokenizers and next-token-prediction backbones."""

from bench.machine import renamed

__version__ = "0.1.0"

renamed.install()
