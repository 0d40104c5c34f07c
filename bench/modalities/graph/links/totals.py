"""The values of link prediction as ratios of totals over nodes: MRR, Hits@k, mean rank, and those adjusted for chance.

All of them are means over queries, or differences from chance over what chance leaves to gain; as sums over the queries
that ask for a node they have the errors, and the paired tests, of other ratios of the bench.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.modalities.graph.lines.values import HITS, MEAN_RANK, MEAN_RANK_INDEX, MRR, MRR_INDEX
from bench.values import Value

from .ranks import Ranking, chance_rank, chance_reciprocal


@dataclass(frozen=True)
class Total:
    """A value as a ratio of sums over nodes.

    Attributes:
        line: what it is.
        values: what is summed up, of each training and node, float64 ``[repeats, nodes]``.
        amounts: what the sum is divided by, of each node, float64 ``[nodes]``; 0 of a node that no query asks for.
    """

    line: Value
    values: np.ndarray
    amounts: np.ndarray


def totals_of(rankings: Sequence[Ranking], nodes: np.ndarray) -> dict[str, Total]:
    """The values by name.

    - ``link_mrr``: mean of 1 / rank.
    - ``link_hits_at_k``: share of ranks up to k.
    - ``link_mean_rank``: mean rank.
    - ``link_amri``: adjusted mean rank index, 1 - (MR - 1) / (E[MR] - 1) with the mean rank E[MR] of chance
      (Berrendorf et al. 2020): 0 for chance, 1 for always first.
    - ``link_adjusted_mrr``: (MRR - E[MRR]) / (1 - E[MRR]) alike (Hoyt et al. 2022).

    Args:
        rankings: of each training, on the same queries.
        nodes: the nodes in the order of the values.
    """
    first = rankings[0]
    place = {node: number for number, node in enumerate(nodes.tolist())}
    at = np.array([place[node] for node in first.answers.tolist()])
    ranks = np.stack([ranking.ranks for ranking in rankings])
    reciprocals, ones = 1 / ranks, np.ones(len(at))
    by_chance, reciprocal_by_chance = chance_rank(first.candidates), chance_reciprocal(first.candidates)

    def summed(row: np.ndarray) -> np.ndarray:
        return np.bincount(at, weights=row, minlength=len(nodes))

    def total(line: Value, values: np.ndarray, amounts: np.ndarray) -> Total:
        return Total(line, np.stack([summed(row) for row in values]), summed(amounts))

    totals = [
        total(MRR, reciprocals, ones),
        *(total(line, (ranks <= k).astype(np.float64), ones) for k, line in HITS.items()),
        total(MEAN_RANK, ranks, ones),
        total(MEAN_RANK_INDEX, by_chance - ranks, by_chance - 1),
        total(MRR_INDEX, reciprocals - reciprocal_by_chance, 1 - reciprocal_by_chance),
    ]
    return {total.line.name: total for total in totals}
