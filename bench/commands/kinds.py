"""The kinds of names that `bench list` shows, in its order."""

from __future__ import annotations

KINDS = (
    *("modalities", "tokenizers", "quantizers", "backbones", "tasks", "suites", "protocols", "datasets", "metrics"),
    *("recognizers", "weights"),
)
