"""The face of the modality: image."""

from __future__ import annotations

from bench.modalities.base import Modality

_KINDS = ("tokenizers", "backbones", "datasets", "metrics")

IMAGE = Modality(
    name="image",
    lines={kind: f"bench.modalities.image.lines.{kind}:ENTRIES" for kind in _KINDS},
)
