"""The model that predicts links from tokens alone: embeddings of codes, an encoder, and a scorer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import nn

from bench.learning.training import Schedule

Scorer = Literal["complex", "distmult", "rotate"]


class LinkBudget(Schedule):
    """The training budget of a link predictor; equal for all that are compared."""

    steps: int = Field(default=500, ge=0, description="updates of the weights")
    queries: int = Field(default=512, ge=1, description="queries per step")
    learning_rate: float = Field(default=1e-2, gt=0, description="highest learning rate, after the warm-up")
    weight_decay: float = Field(default=0.1, ge=0, description="weight decay of matrices; vectors do not decay")


class LinkSettings(BaseModel):
    """The settings of link prediction: one model and one budget for all tokenizers of a table."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    scorer: Scorer = Field(
        default="complex", description="complex (Trouillon 2016), distmult (Yang 2015) or rotate (Sun 2019)"
    )
    code_width: int = Field(default=32, ge=1, description="channels of the embedding of a code")
    hidden: int = Field(default=256, ge=1, description="channels of the hidden layer of the encoder")
    width: int = Field(default=128, ge=2, multiple_of=2, description="channels of a node and of a relation")
    dropout: float = Field(default=0.1, ge=0, lt=1, description="dropout of the encoder, in training")
    smoothing: float = Field(default=0.1, ge=0, lt=1, description="label smoothing of the cross-entropy")
    repeats: int = Field(default=3, ge=1, description="number of trainings, each with its own seed")
    budget: LinkBudget = LinkBudget()


class LinkModel(nn.Module):
    """Scores all nodes as answers of queries; of a node it sees the codes, and nothing else.

    The embeddings of a node's codes, one table per codebook, are joined and go through a perceptron of one hidden
    layer, as in NodePiece. A relation and its inverse have a vector each. The loss is the cross-entropy of the answer
    among all nodes.

    Args:
        sizes: number of entries of each codebook.
        codes: the codes of all nodes, level by level, int64 ``[nodes, positions]``.
        relations: number of relations, without inverses.
        settings: widths, scorer and regularization.
    """

    def __init__(
        self, sizes: Sequence[int], codes: Sequence[torch.Tensor], relations: int, settings: LinkSettings
    ) -> None:
        super().__init__()
        self.smoothing = settings.smoothing
        self.score = SCORERS[settings.scorer]
        self.tables = nn.ModuleList(nn.Embedding(size, settings.code_width) for size in sizes)
        self.levels = len(codes)
        for level, code in enumerate(codes):
            self.register_buffer(f"codes_{level}", code, persistent=False)
        joined = settings.code_width * sum(code.shape[1] for code in codes)
        self.encoder = nn.Sequential(
            nn.Linear(joined, settings.hidden),
            nn.ReLU(),
            nn.Dropout(settings.dropout),
            nn.Linear(settings.hidden, settings.width),
        )
        self.relations = nn.Embedding(2 * relations, settings.width)
        for table in (*self.tables, self.relations):
            nn.init.normal_(table.weight, std=settings.width**-0.5)

    def progress(self, share: float) -> None:
        """Nothing follows from how far the training is."""

    def nodes(self) -> torch.Tensor:
        """The vectors of all nodes, ``[nodes, width]``."""
        parts = [table(getattr(self, f"codes_{level}")).flatten(1) for level, table in enumerate(self.tables)]
        vectors: torch.Tensor = self.encoder(torch.cat(parts, dim=1))
        return vectors

    def scores(self, queries: torch.Tensor) -> torch.Tensor:
        """Scores of all nodes as answers of queries ``[queries, 3]``, of which the answers are not read."""
        nodes = self.nodes()
        return self.score(nodes[queries[:, 0]], self.relations(queries[:, 1]), nodes)

    def loss(self, queries: torch.Tensor) -> torch.Tensor:
        """Mean cross-entropy of the answers of queries ``[queries, 3]``, in nats."""
        return nn.functional.cross_entropy(self.scores(queries), queries[:, 2], label_smoothing=self.smoothing)


def distmult(given: torch.Tensor, relation: torch.Tensor, nodes: torch.Tensor) -> torch.Tensor:
    """Σ h·r·t over the channels; ``[queries, nodes]`` of ``[queries, width]`` twice and ``[nodes, width]``."""
    return (given * relation) @ nodes.T


def rotated(given: torch.Tensor, relation: torch.Tensor) -> torch.Tensor:
    """The product of complex numbers, whose real parts are the first half of the channels."""
    (a, b), (c, d) = given.chunk(2, dim=1), relation.chunk(2, dim=1)
    return torch.cat([a * c - b * d, a * d + b * c], dim=1)


def complex_product(given: torch.Tensor, relation: torch.Tensor, nodes: torch.Tensor) -> torch.Tensor:
    """The real part of Σ h·r·conj(t) over complex channels; shapes as of :func:`distmult`."""
    return rotated(given, relation) @ nodes.T


def rotation(given: torch.Tensor, relation: torch.Tensor, nodes: torch.Tensor) -> torch.Tensor:
    """-|h·r - t|, the entries of r brought to length 1; shapes as of :func:`distmult`.

    The length is that of the whole difference (its Euclidean norm).
    """
    c, d = relation.chunk(2, dim=1)
    length = (c**2 + d**2).sqrt().clamp_min(1e-9)
    unit = torch.cat([c / length, d / length], dim=1)
    return -torch.cdist(rotated(given, unit), nodes)


SCORERS: dict[Scorer, Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]] = {
    "complex": complex_product,
    "distmult": distmult,
    "rotate": rotation,
}
"""The function that scores answers, by its name in a protocol."""
