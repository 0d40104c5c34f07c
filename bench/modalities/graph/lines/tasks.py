"""Registry lines of the tasks that only graphs have."""

from __future__ import annotations

from bench.registry import Entry

ENTRIES: tuple[Entry, ...] = (
    Entry(
        "graph-link-prediction",
        "bench.modalities.graph.links.task:LinkPrediction",
        "What tokens of nodes cost, whether they tell nodes apart, and how well a small model predicts links from them",
        modality="graph",
    ),
)
