"""Registry lines of the metrics of graphs."""

from __future__ import annotations

from functools import partial

from bench.registry import Entry
from bench.values import FROM_ZERO, PlotPart, Value

_entry = partial(Entry, modality="graph")
_bits = partial(Value, unit="bit/node", bounds=FROM_ZERO, section="rate", shown_unit="")

ENTRIES: tuple[Entry, ...] = (
    _entry(
        "node_uniqueness",
        "bench.modalities.graph.metrics.uniqueness:NodeUniqueness",
        "Nodes that no other node shares all its tokens with, and pairs of nodes that share them",
        source="counted",
        values=(
            Value("node_uniqueness", "Unique", "", True, (0.0, 1.0), section="rate", percent=True),
            Value("node_collisions", "Collisions", "nodes", False, FROM_ZERO, section="rate", default=False),
            Value("node_pairs", "Equal pairs", "pairs", False, FROM_ZERO, section="rate", default=False),
        ),
    ),
    _entry(
        "tokens_per_node",
        "bench.modalities.graph.metrics.rates:TokensPerNode",
        "Codes per node",
        values=(Value("tokens_per_node", "Tokens", "tokens", None, FROM_ZERO, section="rate", shown_unit=""),),
    ),
    _entry(
        "bits_per_node",
        "bench.modalities.graph.metrics.rates:BitsPerNode",
        "Nominal rate: log2 of the codebook's size for each code",
        values=(_bits("bits_per_node", "bits/node", plots=(PlotPart("rate"),)),),
    ),
    _entry(
        "bits_per_node_entropy",
        "bench.modalities.graph.metrics.rates:BitsPerNodeEntropy",
        "Rate after ideal first-order entropy coding of each level",
        values=(_bits("bits_per_node_entropy", "bits/node (entropy)"),),
    ),
)
