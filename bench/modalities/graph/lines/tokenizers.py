"""Registry lines of the tokenizers of nodes."""

from __future__ import annotations

from functools import partial

from bench.registry import Entry

_entry = partial(Entry, modality="graph", tokens="discrete", license="Apache-2.0")
_nodepiece = partial(
    _entry,
    target="bench.modalities.graph.tokenizers.nodepiece:NodePiece",
    source="Galkin et al. 2022, arXiv 2106.12144; github.com/migalkin/NodePiece",
)

ENTRIES: tuple[Entry, ...] = (
    _nodepiece(
        "nodepiece",
        summary="A node's nearest anchors with their distances, and relations around it; nodepiece@ANCHORS",
        positional="anchors",
    ),
    _nodepiece(
        "nodepiece-anchors",
        summary="NodePiece without relations; nodepiece-anchors@ANCHORS",
        args={"relations": 0},
        positional="anchors",
    ),
    _nodepiece(
        "nodepiece-relations",
        summary="NodePiece without anchors: relations around a node alone; nodepiece-relations@RELATIONS",
        args={"nearest": 0},
        positional="relations",
    ),
    _entry(
        "random-codes",
        "bench.modalities.graph.tokenizers.codes:RandomCodes",
        "Random codes for each node, which know nothing of the graph; random-codes@CODES",
        positional="codes",
        source="random entity quantization: Li et al. 2023, arXiv 2310.15797",
    ),
    _entry(
        "node-id",
        "bench.modalities.graph.tokenizers.codes:NodeId",
        "A code for every node, the full table that other tokens are compared with",
        source="numbers of the nodes",
    ),
)
