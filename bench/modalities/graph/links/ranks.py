"""Ranks of the right answers of queries, filtered and realistic, and what chance would make of them."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
import torch

from bench.modalities.graph.triples import KnowledgeGraph, inverted


@dataclass(frozen=True)
class Ranking:
    """What became of queries.

    Attributes:
        answers: the node that each query asks for, int64 ``[queries]``.
        ranks: its rank among the candidates, float64 ``[queries]``; the best is 1.
        candidates: how many there were, the answer included, int64 ``[queries]``.
    """

    answers: np.ndarray
    ranks: np.ndarray
    candidates: np.ndarray


def queries_of(triples: np.ndarray, relations: int) -> np.ndarray:
    """Two queries per triple: its relation and head ask for the tail, the inverse relation and the tail for the head.

    Returns:
        int64 ``[2 triples, 3]``: the given node, the relation (the inverse of r of R is ``r + R``), and the answer.
    """
    return np.concatenate([triples, inverted(triples, relations)])


class Filter:
    """All true answers of every query, which are no candidates for each other.

    Args:
        graph: the graph, whose training, validation and test triples are all true.
    """

    def __init__(self, graph: KnowledgeGraph) -> None:
        everything = np.concatenate([graph.train, graph.valid, graph.test])
        answers: dict[tuple[int, int], set[int]] = defaultdict(set)
        for given, relation, answer in queries_of(everything, len(graph.relations)).tolist():
            answers[given, relation].add(answer)
        self._answers = {query: np.array(sorted(found)) for query, found in answers.items()}

    def others(self, queries: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Rows of the queries, and nodes that answer them besides the one asked for; int64, of one length."""
        rows, nodes = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
        for row, (given, relation, answer) in enumerate(queries.tolist()):
            known = self._answers.get((given, relation), nodes[0])
            known = known[known != answer]
            rows.append(np.full(len(known), row))
            nodes.append(known)
        return np.concatenate(rows), np.concatenate(nodes)


def realistic_ranks(
    scores: torch.Tensor, answers: torch.Tensor, rows: np.ndarray, nodes: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The filtered realistic rank of each answer, and the number of its candidates.

    The optimistic rank counts the candidates with a higher score, the pessimistic one those with an equal score, too;
    the realistic rank is their mean (Berrendorf et al. 2020), which of a constant scorer is that of chance.

    Args:
        scores: of all nodes for each query, higher for likelier answers, ``[queries, nodes]``.
        answers: int64 ``[queries]``.
        rows, nodes: what is not a candidate, as of :meth:`Filter.others`.

    Returns:
        float64 ``[queries]`` and int64 ``[queries]``.

    Raises:
        FloatingPointError: a score is not a number.
    """
    if bool(torch.isnan(scores).any()):
        raise FloatingPointError("a score is not a number")
    candidate = torch.ones_like(scores, dtype=torch.bool)
    candidate[torch.from_numpy(rows), torch.from_numpy(nodes)] = False
    own = scores.gather(1, answers[:, None])
    higher = ((scores > own) & candidate).sum(1)
    equal = ((scores == own) & candidate).sum(1)  # the answer itself included
    ranks = (2 * higher + equal + 1).double() / 2
    return ranks.cpu().numpy(), candidate.sum(1).cpu().numpy()


def chance_rank(candidates: np.ndarray) -> np.ndarray:
    """The expected rank of an answer among so many candidates in random order, (n + 1) / 2."""
    expected: np.ndarray = (candidates + 1) / 2
    return expected


def chance_reciprocal(candidates: np.ndarray) -> np.ndarray:
    """The expected reciprocal rank among so many candidates in random order, the harmonic number of n over n."""
    harmonic = np.cumsum(1 / np.arange(1, max(candidates, default=0) + 1))
    expected: np.ndarray = harmonic[candidates - 1] / candidates
    return expected
