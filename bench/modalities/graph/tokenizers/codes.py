"""Tokenizers that ignore the graph: random codes, and a code for every node."""

from __future__ import annotations

import numpy as np

from bench.contracts.tokens import Codebook
from bench.errors import BenchError, whole_number
from bench.modalities.graph.triples import KnowledgeGraph

from .base import Level, NodeTokenizer

MOST_ENTRIES = 2**24
"""The most entries of a codebook of random codes: each has an embedding of its own."""


class RandomCodes(NodeTokenizer):
    """Distinct random codes of one codebook for each node, as in random entity quantization (Li et al. 2023).

    Args:
        codes: codes that describe a node.
        size: entries of the codebook.

    Raises:
        BenchError: an argument is not a whole number in range, or the codebook has fewer entries than a node has codes.
    """

    def __init__(self, codes: int = 8, size: int = 32) -> None:
        super().__init__()
        whole_number("size", size, 1, MOST_ENTRIES)
        whole_number("codes", codes, 1, MOST_ENTRIES)
        if codes > size:
            raise BenchError(f"codes={codes} distinct codes cannot be drawn of size={size}", "raise size")
        self.codes, self.size = codes, size

    def levels(self, graph: KnowledgeGraph, generator: np.random.Generator) -> list[Level]:
        rows = [generator.choice(self.size, self.codes, replace=False) for _ in graph.nodes]
        return [Level(Codebook(self.size, "a random part of the node"), np.stack(rows).astype(np.int64))]


class NodeId(NodeTokenizer):
    """A code for every node: the full table of embeddings that other tokens save."""

    def levels(self, graph: KnowledgeGraph, generator: np.random.Generator) -> list[Level]:
        nodes = len(graph.nodes)
        return [Level(Codebook(nodes, "the node"), np.arange(nodes, dtype=np.int64)[:, None])]
