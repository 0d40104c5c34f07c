"""Cases of the metrics of nodes: three levels of codes of unequal number, some nodes alike."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.stats import entropy
from tester import Case, Samples

from bench.contracts.tokens import Codebook, Tokens
from bench.metrics.base import Batch

NODE_BOOKS = (Codebook(5, "an anchor"), Codebook(3, "edges to it"), Codebook(4, "a relation"))


@dataclass(frozen=True)
class Nodes(Samples):
    """Forty nodes: codes ``[nodes, positions]`` of each level, of few possible values, so that some nodes are alike."""

    books: tuple[Codebook, ...] = NODE_BOOKS

    def __len__(self) -> int:
        return 40

    @property
    def codes(self) -> tuple[torch.Tensor, ...]:
        node = torch.arange(len(self))
        return (
            torch.stack([node * node % 5, node % 3], 1),
            torch.stack([node * node % 3, node % 2], 1),
            (node % 4)[:, None].clamp(max=2),
        )

    def batch(self, index: Sequence[int]) -> Batch:
        at = torch.tensor(index)
        return Batch(at, at, at, None, Tokens(codes=tuple(code[at] for code in self.codes)))


def uniqueness(data: Nodes) -> Mapping[str, float]:
    alike = Counter(map(tuple, torch.cat(data.codes, 1).tolist()))
    return {
        "node_uniqueness": sum(count == 1 for count in alike.values()) / len(data),
        "node_collisions": sum(count for count in alike.values() if count > 1),
        "node_pairs": sum(math.comb(count, 2) for count in alike.values()),
    }


def tokens(data: Nodes) -> Mapping[str, float]:
    return {"tokens_per_node": 2 + 2 + 1}


def bits(data: Nodes) -> Mapping[str, float]:
    return {"bits_per_node": 2 * math.log2(5) + 2 * math.log2(3) + 2}


def bits_entropy(data: Nodes) -> Mapping[str, float]:
    each = [code.shape[1] * entropy(np.bincount(code.flatten().numpy()), base=2) for code in data.codes]
    return {"bits_per_node_entropy": sum(each)}


GRAPH_CASES = {
    "node_uniqueness": Case(uniqueness, source=Nodes),
    "tokens_per_node": Case(tokens, source=Nodes),
    "bits_per_node": Case(bits, source=Nodes),
    "bits_per_node_entropy": Case(bits_entropy, source=Nodes),
}
