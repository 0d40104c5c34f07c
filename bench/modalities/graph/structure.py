"""Where nodes are in their graph: degrees, PageRank, distances from anchors, and the relations at each node."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import dijkstra

from bench.errors import BenchError

from .triples import KnowledgeGraph

DAMPING = 0.85
PAGERANK_TOLERANCE = 1e-12
MOST_ITERATIONS = 1000


def degrees(graph: KnowledgeGraph) -> np.ndarray:
    """The number of training triples that begin or end at each node, int64 ``[nodes]``; a loop counts twice."""
    counts: np.ndarray = np.bincount(graph.train[:, [0, 2]].ravel(), minlength=len(graph.nodes))
    return counts


def pagerank(graph: KnowledgeGraph, damping: float = DAMPING) -> np.ndarray:
    """PageRank (Page et al. 1999) on the triples with their inverses, float64 ``[nodes]`` of sum 1.

    As ``networkx.pagerank``, which is not a dependency, but without a graph of Python objects.

    The walk takes each triple at a node with equal probability, in either direction, so that every node has a way out;
    with probability ``1 - damping`` it jumps to any node.
    """
    heads, tails = graph.with_inverses[:, 0], graph.with_inverses[:, 2]
    n = len(graph.nodes)
    out = np.bincount(heads, minlength=n).astype(np.float64)
    step = sparse.coo_array((1 / out[heads], (tails, heads)), shape=(n, n)).tocsr()
    rank = np.full(n, 1 / n)
    for _ in range(MOST_ITERATIONS):
        following: np.ndarray = damping * (step @ rank) + (1 - damping) / n
        if np.abs(following - rank).sum() < PAGERANK_TOLERANCE:
            return following
        rank = following
    return rank


def choose_anchors(
    graph: KnowledgeGraph, count: int, shares: Mapping[str, float], generator: np.random.Generator
) -> np.ndarray:
    """Nodes to describe all others by: of each strategy in turn, its share of those that are not chosen yet.

    Args:
        count: how many anchors to choose.
        shares: share of the anchors of each strategy, ``degree``, ``pagerank`` or ``random``, of sum 1; the number of
            each is rounded so that they add up to ``count``. Equally ranked nodes are taken in their order.

    Returns:
        The numbers of the anchors in the order of their choice, int64 ``[count]``.
    """
    rankings: dict[str, Callable[[], np.ndarray]] = {
        "degree": lambda: np.argsort(-degrees(graph), kind="stable"),
        # Symmetric nodes differ by rounding alone.
        "pagerank": lambda: np.argsort(-np.round(pagerank(graph), 10), kind="stable"),
        "random": lambda: generator.permutation(len(graph.nodes)),
    }
    chosen = np.zeros(0, np.int64)
    ends = np.round(np.cumsum(list(shares.values())) * count).astype(int)
    for strategy, end in zip(shares, ends, strict=True):
        if end > len(chosen):
            ranked = rankings[strategy]()
            free = ranked[~np.isin(ranked, chosen)]
            chosen = np.concatenate([chosen, free[: end - len(chosen)]])
    return chosen


def distances(graph: KnowledgeGraph, anchors: np.ndarray) -> np.ndarray:
    """Edges between each node and each anchor, in either direction; int64 ``[nodes, anchors]``, -1 for unreachable."""
    edges: np.ndarray = dijkstra(graph.adjacency, indices=anchors, unweighted=True).T
    return np.where(np.isinf(edges), -1, edges).astype(np.int64)


def nearest_anchors(
    found: np.ndarray, nearest: int, generator: np.random.Generator | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """The nearest anchors of each node and how far they are, nearest first.

    Args:
        found: distances ``[nodes, anchors]`` as of :func:`distances`.
        nearest: how many to take.
        generator: decides between equally near ones; without it the first chosen goes first.

    Returns:
        Numbers of anchors, and distances, both int64 ``[nodes, nearest]``; -1 in both where no more can be reached.
    """
    far = np.where(found < 0, np.iinfo(np.int64).max, found)
    if generator is None:
        order = np.argsort(far, axis=1, kind="stable")
    else:
        order = np.lexsort((generator.random(found.shape), far), axis=1)
    order = order[:, :nearest]
    away = np.take_along_axis(found, order, axis=1)
    return np.where(away < 0, -1, order), away


def relations_at(graph: KnowledgeGraph) -> list[np.ndarray]:
    """The distinct relations that lead away from each node, sorted; the inverse of relation r of R is ``r + R``."""
    edges = graph.with_inverses
    pairs = np.unique(edges[:, 0] * (2 * len(graph.relations)) + edges[:, 1])
    nodes, relations = np.divmod(pairs, 2 * len(graph.relations))
    ends = np.searchsorted(nodes, np.arange(len(graph.nodes) + 1))
    return [relations[ends[node] : ends[node + 1]] for node in range(len(graph.nodes))]


def usual_context(contexts: list[np.ndarray]) -> int:
    """How many relations to take of each node where nothing is said: as many as 66% of the nodes have at most."""
    return max(1, math.ceil(float(np.percentile([len(context) for context in contexts], 66))))


def sampled_context(contexts: list[np.ndarray], count: int, generator: np.random.Generator) -> np.ndarray:
    """``count`` relations of each node, drawn where it has more, sorted; int64 ``[nodes, count]``, -1 for none."""
    sampled = np.full((len(contexts), count), -1, np.int64)
    for node, context in enumerate(contexts):
        drawn = context if len(context) <= count else np.sort(generator.choice(context, count, replace=False))
        sampled[node, : len(drawn)] = drawn
    return sampled


def parsed_mix(mix: str) -> dict[str, float]:
    """The share of each strategy in ``degree:40+pagerank:40+random:20``, or in the name of one alone.

    Raises:
        BenchError: a strategy is not known or is named twice, or a share is not a positive number.
    """
    shares: dict[str, float] = {}
    for part in str(mix).split("+"):
        name, _, weight = part.strip().partition(":")
        try:
            share = float(weight or 1)
        except ValueError:
            share = math.nan
        if name not in ("degree", "pagerank", "random") or name in shares or not 0 < share < math.inf:
            raise BenchError(
                f"anchors are chosen by degree, pagerank or random, not by {part.strip()!r}",
                "write one of them, or each once with its share, such as degree:40+pagerank:40+random:20",
            )
        shares[name] = share
    total = sum(shares.values())
    return {name: share / total for name, share in shares.items()}
