"""Tokenizers that look the codes of a node up in tables that they make of its graph."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch

from bench.contracts.tokens import Codebook, Tokens
from bench.datasets.base import Dataset
from bench.errors import BenchError
from bench.modalities.graph.datasets.knowledge_graph import graph_of
from bench.modalities.graph.triples import KnowledgeGraph
from bench.tokenizers.base import Encoder


@dataclass(frozen=True)
class Level:
    """The codes of all nodes in one codebook.

    Attributes:
        book: the codebook.
        codes: int64 ``[nodes, positions]``.
    """

    book: Codebook
    codes: np.ndarray


class NodeTokenizer(Encoder):
    """Makes the codes of all nodes when it is fitted on a graph; from then on it knows these nodes alone."""

    modality: ClassVar[str] = "graph"
    casts: ClassVar[bool] = False

    def __init__(self) -> None:
        self._tables: tuple[torch.Tensor, ...] = ()

    @abstractmethod
    def levels(self, graph: KnowledgeGraph, generator: np.random.Generator) -> list[Level]:
        """The codes of all nodes, level by level.

        Args:
            graph: the graph, with training triples alone.
            generator: draws whatever is random.
        """

    def fit(self, dataset: Dataset, seed: int) -> None:
        levels = self.levels(graph_of(dataset), np.random.default_rng(seed))
        self.codebooks = tuple(level.book for level in levels)
        self._tables = tuple(torch.from_numpy(level.codes) for level in levels)

    def encode(self, batch: torch.Tensor) -> Tokens:
        if not self._tables:
            raise BenchError(f"{type(self).__name__} knows no graph yet; call fit first")
        nodes = batch.cpu()
        return Tokens(codes=tuple(table[nodes].to(batch.device) for table in self._tables))
