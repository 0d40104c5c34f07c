"""NodePiece (Galkin et al. 2022, arXiv 2106.12144): a node by its nearest anchors and the relations around it."""

from __future__ import annotations

from typing import Literal

import numpy as np

from bench.contracts.tokens import Codebook
from bench.errors import BenchError, whole_number
from bench.modalities.graph import structure
from bench.modalities.graph.triples import KnowledgeGraph

from .base import Level, NodeTokenizer

MIX = "degree:40+pagerank:40+random:20"
MOST_CODES = 2**16
"""The most codes of a node in one level."""


class NodePiece(NodeTokenizer):
    """The nearest anchors of a node, their distances, and relations that lead away from it.

    There are three levels, which differ in their number of codes: anchors, distances and relations. The anchors are
    nodes of the graph, chosen once by ``mix``. Distances count edges in either direction; an anchor is its own
    nearest, at distance 0. A relation and its inverse are two, and of a node with more than ``relations`` of them some
    are drawn, by the seed. The last code of each level means that there is none: no further anchor that can be
    reached, its distance, no further relation.

    Args:
        anchors: number of anchors, or below 1 their share of the nodes; at least one.
        nearest: anchors that describe a node, at most as many as there are; 0 for none, which leaves the relations.
        relations: relations that describe a node; 0 for none; -1 for as many as 66% of the nodes have at most.
        distances: whether the distances of the anchors are tokens, too.
        mix: how anchors are chosen: ``degree``, ``pagerank``, ``random``, or shares of several.
        ties: which of equally near anchors go first: the ``first`` chosen, which makes nodes alike where all anchors
            are near, or any, at ``random``, which tells nodes apart by chance.

    Raises:
        BenchError: no tokens would be left, or an argument is out of range.
    """

    def __init__(
        self,
        anchors: float = 0.1,
        nearest: int = 5,
        relations: int = -1,
        distances: bool = True,
        mix: str = MIX,
        ties: Literal["first", "random"] = "first",
    ) -> None:
        super().__init__()
        if not anchors > 0 or (anchors >= 1 and anchors % 1):
            raise BenchError(f"anchors={anchors} is neither a number of anchors nor a share of the nodes below 1")
        whole_number("nearest", nearest, 0, MOST_CODES)
        whole_number("relations", relations, -1, MOST_CODES)
        if not nearest and not relations:
            raise BenchError("nearest=0 and relations=0 leave no tokens", "raise one of them")
        if ties not in ("first", "random"):
            raise BenchError(f"ties={ties!r} is neither first nor random")
        self.ties = ties
        self.anchors, self.nearest, self.relations, self.distances = anchors, nearest, relations, distances
        self.shares = structure.parsed_mix(mix)

    def levels(self, graph: KnowledgeGraph, generator: np.random.Generator) -> list[Level]:
        levels = self._anchor_levels(graph, generator) if self.nearest else []
        if not self.relations:
            return levels
        contexts = structure.relations_at(graph)
        count = structure.usual_context(contexts) if self.relations < 0 else self.relations
        sampled = structure.sampled_context(contexts, count, generator)
        covers = "one of the relations that lead away from the node"
        return [*levels, _level(sampled, 2 * len(graph.relations), covers)]

    def _anchor_levels(self, graph: KnowledgeGraph, generator: np.random.Generator) -> list[Level]:
        nodes = len(graph.nodes)
        count = int(self.anchors) if self.anchors >= 1 else max(1, round(self.anchors * nodes))
        if count > nodes:
            raise BenchError(
                f"anchors={count}: the graph has {nodes} nodes", "choose fewer anchors, or a share below 1"
            )
        anchors = structure.choose_anchors(graph, count, self.shares, generator)
        found = structure.distances(graph, anchors)
        draws = generator if self.ties == "random" else None
        chosen, away = structure.nearest_anchors(found, min(self.nearest, count), draws)
        levels = [_level(chosen, count, "one of the nearest anchors of the node")]
        if self.distances:
            levels.append(_level(away, int(found.max()) + 1, "edges to an anchor"))
        return levels


def _level(codes: np.ndarray, size: int, covers: str) -> Level:
    """A level of ``size`` codes and a last one for -1, which stands for none."""
    return Level(Codebook(size + 1, covers), np.where(codes < 0, size, codes))
