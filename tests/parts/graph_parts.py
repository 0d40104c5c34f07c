"""A knowledge graph that tests write, and scores that anybody can work out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from bench.modalities.graph.datasets.graph_folder import GraphFolder

NODES, RELATIONS = 12, 4


def triples() -> list[tuple[str, str, str]]:
    """Distinct triples of 12 nodes, ``n00`` to ``n11``, and four relations: steps of 1, 2 and 3, 5, and squares."""
    named = [(head, "next", head + 1) for head in range(NODES)]
    named += [(head, "step", head + far) for head in range(NODES) for far in (2, 3)]
    named += [(head, "fifth", head + 5) for head in range(NODES)]
    named += [(head, "square", head * head) for head in range(NODES)]
    return [(f"n{head:02d}", relation, f"n{tail % NODES:02d}") for head, relation, tail in named]


def write_graph(folder: Path) -> Path:
    """The graph as files: every ninth triple from the fourth is for validation, from the eighth for the test."""
    folder.mkdir(parents=True, exist_ok=True)
    for part, places in (("valid", {3}), ("test", {7}), ("train", set(range(9)) - {3, 7})):
        rows = [triple for number, triple in enumerate(triples()) if number % 9 in places]
        (folder / f"{part}.txt").write_text("".join("\t".join(row) + "\n" for row in rows))
    return folder


def small_graph(folder: Path) -> GraphFolder:
    """The data set of :func:`write_graph`."""
    return GraphFolder(data=str(write_graph(folder)))


def path_graph(folder: Path, length: int = 6) -> GraphFolder:
    """Nodes ``n0`` to ``n5`` in a row, each ``before`` the next; the ends are held back as ``far`` apart, in vain."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = [f"n{node}\tbefore\tn{node + 1}\n" for node in range(length - 1)]
    (folder / "train.txt").write_text("".join(rows))
    (folder / "valid.tsv").write_text(f"n0\tbefore\tn{length - 1}\n")
    (folder / "test.txt").write_text(f"\nn1\tbefore\tn{length - 1}\nn0\tfar\tn5\n")
    return GraphFolder(data=str(folder))


def stated_scores(queries: np.ndarray) -> torch.Tensor:
    """A score of each node for each query, with many ties: (5 given + 3 relation + 7 node) mod 6."""
    return torch.from_numpy((5 * queries[:, :1] + 3 * queries[:, 1:2] + 7 * np.arange(NODES)) % 6).float()
