"""The face of the modality: the nodes of knowledge graphs."""

from __future__ import annotations

from bench.modalities.base import Modality

_TOKENS = ("node_uniqueness", "codebook", "tokens_per_node", "bits_per_node", "bits_per_node_entropy")

GRAPH = Modality(
    name="graph",
    signals="nodes",
    signal="bench.modalities.graph.signal:NodeSignal",
    finish="bench.modalities.graph.signal:NodeFinish",
    preprocessing="bench.modalities.graph.datasets.knowledge_graph:GraphPreprocessing",
    lines={
        kind: f"bench.modalities.graph.lines.{kind}:ENTRIES" for kind in ("tokenizers", "datasets", "metrics", "tasks")
    }
    | {"values": "bench.modalities.graph.lines.values:VALUES"},
    metrics={"tokens": _TOKENS},
    folder="graph-folder",
    tasks={"recon": ""},  # the tokens of a node say where it is in its graph: there is nothing to reconstruct
)
