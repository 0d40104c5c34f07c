"""What models of continuous tokens share: standardized latents, and the sampling they reject."""

from __future__ import annotations

import torch
from torch import nn

from bench.backbones.base import Structure
from bench.backbones.corpus import Corpus
from bench.backbones.sampling import Sampling
from bench.contracts.tokens import Tokens
from bench.errors import BenchError


class Standard(nn.Module):
    """Latents scaled so that the training tokens have mean 0 and standard deviation 1 in every dimension.

    Raises:
        BenchError: the tokens of this structure are codes.
    """

    def __init__(self, structure: Structure, paradigm: str) -> None:
        super().__init__()
        if not structure.dim:
            raise BenchError(f"{paradigm} models continuous tokens, not codes; use raster, masked or depthwise")
        self.mean: torch.Tensor
        self.deviation: torch.Tensor
        self.register_buffer("mean", torch.zeros(structure.dim))
        self.register_buffer("deviation", torch.ones(structure.dim))

    def fit(self, corpus: Corpus) -> None:
        """Take the statistics of a corpus.

        Raises:
            BenchError: a dimension is constant, so that it has no density.
        """
        rows = torch.cat([sample[0] for sample in corpus.samples]).double()
        mean, deviation = rows.mean(0), rows.std(0, correction=0)
        constant = torch.nonzero(deviation <= 1e-6 * mean.abs().clamp(min=1e-30)).flatten().tolist()
        if constant:
            raise BenchError(
                f"dimension {constant[0]} of the latents is {float(mean[constant[0]]):g} in all training tokens, so "
                "it has no density; choose a tokenizer whose dimensions vary"
            )
        self.mean.copy_(mean)
        self.deviation.copy_(deviation)

    def forward(self, tokens: Tokens) -> torch.Tensor:
        """Standardized latents, flat: float32 ``[batch, positions, dim]``."""
        assert tokens.latents is not None
        flat = tokens.latents.flatten(1, -2).to(self.mean)
        return (flat - self.mean) / self.deviation

    def undo(self, standardised: torch.Tensor) -> torch.Tensor:
        """The latents ``[batch, positions, dim]`` that were standardized."""
        return standardised * self.deviation + self.mean

    @property
    def log_scale(self) -> torch.Tensor:
        """Nats that a token costs more than its standardized one: the log-determinant of the scaling, float64."""
        return self.deviation.double().log().sum()


def reject_truncation(paradigm: str, sampling: Sampling) -> None:
    """Raise BenchError for top-k or top-p, which continuous tokens do not have."""
    if sampling.top_k or sampling.top_p < 1:
        raise BenchError(f"{paradigm}: top_k and top_p are not defined for continuous tokens; use the temperature")
