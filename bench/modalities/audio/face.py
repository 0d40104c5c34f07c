"""The face of the modality: audio."""

from __future__ import annotations

from bench.modalities.base import Modality

_KINDS = ("tokenizers", "backbones", "datasets", "metrics", "recognisers")

AUDIO = Modality(
    name="audio",
    lines={kind: f"bench.modalities.audio.lines.{kind}:ENTRIES" for kind in _KINDS},
)
