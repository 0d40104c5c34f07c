"""The kinds of names that `bench list` shows, in its order."""

from __future__ import annotations

KINDS = (
    *("modalities", "tokenizers", "quantizers", "bottlenecks", "estimators", "remedies", "backbones", "tasks"),
    *("suites", "protocols", "datasets", "metrics", "recognizers", "weights", "systems"),
)
FORMATS = ("terminal", "markdown", "csv", "json", "latex")
"""The forms in which tables are printed."""
