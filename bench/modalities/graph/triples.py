"""Knowledge graphs: triples of a head, a relation and a tail, and who is whose neighbor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy import sparse

Named = tuple[str, str, str]
"""A triple by its names: head, relation, tail."""


@dataclass(frozen=True)
class KnowledgeGraph:
    """A graph whose edges have relations, and triples of it that are held back.

    Triples are int64 ``[n, 3]``: numbers of head, relation and tail. The nodes are those of the training triples.

    Attributes:
        nodes: name of each node, sorted.
        relations: name of each relation, sorted.
        train: triples that tokenizers and models may see.
        valid: triples that are held back and not evaluated.
        test: triples that are evaluated.
        unknown: how many triples of ``valid`` and ``test`` were left out since training does not have their nodes or
            relation.
        repeated: how many of ``test`` were left out since they are in ``valid`` or ``train``, and of ``valid`` since
            they are in ``train``.
    """

    nodes: tuple[str, ...]
    relations: tuple[str, ...]
    train: np.ndarray
    valid: np.ndarray
    test: np.ndarray
    unknown: int = 0
    repeated: int = 0

    @classmethod
    def of(cls, train: Sequence[Named], valid: Sequence[Named], test: Sequence[Named]) -> KnowledgeGraph:
        """The graph of named triples; a repeated triple counts once, and held-out ones of training are left out."""
        nodes = tuple(sorted({name for head, _, tail in train for name in (head, tail)}))
        relations = tuple(sorted({relation for _, relation, _ in train}))
        node = {name: number for number, name in enumerate(nodes)}
        relation_of = {name: number for number, name in enumerate(relations)}
        seen: set[Named] = set()
        unknown = repeated = 0

        def numbered(triples: Sequence[Named]) -> np.ndarray:
            nonlocal unknown, repeated
            rows = []
            for triple in dict.fromkeys(triples):
                head, relation, tail = triple
                if head not in node or tail not in node or relation not in relation_of:
                    unknown += 1
                elif triple in seen:
                    repeated += 1
                else:
                    seen.add(triple)
                    rows.append((node[head], relation_of[relation], node[tail]))
            return np.array(rows, np.int64).reshape(-1, 3)

        learned, held, asked = numbered(train), numbered(valid), numbered(test)
        return cls(nodes, relations, learned, held, asked, unknown, repeated)

    @property
    def known(self) -> KnowledgeGraph:
        """The graph without the triples that are held back: all that a tokenizer may learn from."""
        none = np.zeros((0, 3), np.int64)
        return replace(self, valid=none, test=none, unknown=0, repeated=0)

    @cached_property
    def adjacency(self) -> sparse.csr_array:
        """Which nodes a training triple joins, in either direction: symmetric 0/1 ``[nodes, nodes]``."""
        heads, tails = self.train[:, 0], self.train[:, 2]
        ends = (np.concatenate([heads, tails]), np.concatenate([tails, heads]))
        joined = sparse.coo_array((np.ones(len(ends[0])), ends), shape=(len(self.nodes),) * 2).tocsr()
        joined.data[:] = 1.0
        return joined

    @cached_property
    def with_inverses(self) -> np.ndarray:
        """The training triples, and each one inverted: ``(t, r + R, h)`` for ``(h, r, t)`` of R relations."""
        return np.concatenate([self.train, inverted(self.train, len(self.relations))])


def inverted(triples: np.ndarray, relations: int) -> np.ndarray:
    """The inverse of each triple: ``(t, r + relations, h)`` for ``(h, r, t)``."""
    return np.stack([triples[:, 2], triples[:, 1] + relations, triples[:, 0]], axis=1)
