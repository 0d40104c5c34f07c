"""Data sets of the nodes of a knowledge graph: the base class, and the files that it is read from."""

from __future__ import annotations

import io
from abc import abstractmethod
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import torch
from pydantic import BaseModel, ConfigDict

from bench.datasets.base import Dataset, Sample
from bench.errors import BenchError
from bench.machine.canonical import digest, sha256_file
from bench.machine.files import open_stored
from bench.modalities.graph.triples import KnowledgeGraph, Named

PARTS = ("train", "valid", "test")
"""The parts of a graph, each a file of triples."""
MOST_BYTES = 2**30
"""The most bytes of a file of triples."""


class GraphPreprocessing(BaseModel):
    """How files of triples become a graph; there is nothing to choose."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class GraphDataset(Dataset):
    """The nodes of a knowledge graph, in the order of their names; each is a group of its own.

    Splits:
        test: the whole graph.
        train: the same nodes, but of the triples those of training alone. Tokenizers and probes learn from it: the
            nodes are known to them, and the triples that are predicted are not.

    Attributes:
        graph: the graph; of ``train`` without the triples that are held back.
    """

    modality: ClassVar[str] = "graph"
    defaults: ClassVar[BaseModel] = GraphPreprocessing()
    splits: ClassVar[tuple[str, ...]] = ("test", "train")

    def __init__(self, settings: Mapping[str, Any] | None, split: str | None, data: str | None) -> None:
        split = split or self.splits[0]
        if split not in self.splits:
            raise BenchError(f"{self.name} has no split {split!r}; choose from {', '.join(self.splits)}")
        super().__init__(dict(settings or {}), split, data)
        self.files = self.find()
        whole = KnowledgeGraph.of(*(read_triples(self.files[part]) for part in PARTS))
        for part in PARTS:
            if not len(getattr(whole, part)):
                why = "; ".join(_left_out(whole)) if part != "train" else ""
                raise BenchError(
                    f"{self.files[part]}: no triples" + (f" to use ({why})" if why else ""),
                    "give triples in each of the files; nodes and relations of valid and test must occur in train",
                )
        self.graph = whole if split == "test" else whole.known
        self.remarks = tuple(_left_out(self.graph))

    @abstractmethod
    def find(self) -> Mapping[str, Path]:
        """The file of each part.

        Raises:
            BenchError: they are not there.
        """

    @abstractmethod
    def training(self) -> GraphDataset:
        """The split ``train`` of this graph."""

    def __len__(self) -> int:
        return len(self.graph.nodes)

    def load(self, index: int) -> Sample:
        return Sample(self.id(index), index, torch.tensor([index]))

    def id(self, index: int) -> str:
        return self.graph.nodes[index]

    @cached_property
    def fingerprint(self) -> str:
        return digest({part: sha256_file(self.files[part]) for part in PARTS})

    def fit_split(self) -> GraphDataset | None:
        """The same nodes without the triples that are held back; None for that split itself."""
        return self.training() if self.split == "test" else None


def _left_out(graph: KnowledgeGraph) -> list[str]:
    """What of the held-out triples is left out, and why, a sentence for each reason."""
    reasons = {
        "no training triple has their nodes or relation": graph.unknown,
        "they are in train, or in both": graph.repeated,
    }
    return [f"triples of valid and test left out, since {why}: {count}" for why, count in reasons.items() if count]


def graph_of(dataset: Dataset) -> KnowledgeGraph:
    """The graph whose nodes a data set has, or some of whose nodes it has.

    Raises:
        BenchError: it has none.
    """
    whole: Any = dataset
    while not isinstance(whole, GraphDataset):
        whole = getattr(whole, "whole", None)
        if whole is None:
            raise BenchError(f"{dataset.name} is not a knowledge graph")
    return whole.graph


def read_triples(path: Path) -> list[Named]:
    """The triples of a file: a line each, head, relation and tail separated by tabs; empty lines are skipped.

    Raises:
        BenchError: it cannot be read, or a line is not a triple.
    """
    try:
        with open_stored(path, most=MOST_BYTES) as stream:
            text = stream.read().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise BenchError(f"{path}: {error}", "give a UTF-8 text with a triple per line") from error
    triples = []
    for number, line in enumerate(io.StringIO(text, newline=None), 1):  # not splitlines, which breaks at U+2028, too
        if line.strip():
            names = [name.strip() for name in line.split("\t")]
            if len(names) != 3 or not all(names):
                raise BenchError(
                    f"{path}, line {number}: {line.rstrip()[:80]!r} is not a triple",
                    "write head, relation and tail, separated by tabs",
                )
            triples.append((names[0], names[1], names[2]))
    return triples
