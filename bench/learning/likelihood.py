"""The likelihood of tokens as estimates: nats per token, perplexity, and bits per amount of signal."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from bench.contracts.stats import Estimate
from bench.learning.probe import exponential, per_unit
from bench.lines.values import NLL, TOKEN_PERPLEXITY
from bench.values import Value, by_name


@dataclass(frozen=True)
class Likelihood:
    """The likelihood of each sample's tokens.

    Attributes:
        nats: negative log-likelihood of all tokens of a sample, float64 ``[repeats, samples]``.
        tokens: number of tokens of each sample, float64 ``[samples]``.
        amounts: amount of signal of each sample (pixels, seconds), float64 ``[samples]``.
        groups: independent group of each sample, ``[samples]``.
        note: what the model was, and what it was given.
        density: whether the tokens are continuous, so that there is no probability.
    """

    nats: np.ndarray
    tokens: np.ndarray
    amounts: np.ndarray
    groups: np.ndarray
    note: str
    density: bool = False

    def columns(self, value: Value, unit: float) -> dict[str, list[float]]:
        """Columns of per-sample values, as means of the repeats: nats per token, and the parts of the bits' ratio.

        Args:
            value: the line of the bits per amount of signal.
            unit: bits in its unit.
        """
        nats = self.nats.mean(0)
        columns = {"nll": list(nats / self.tokens)}
        if self.density:
            return columns
        return columns | {
            f"{value.name}_total": list(nats / math.log(2) / unit),
            f"{value.name}_amount": list(self.amounts),
        }

    def estimates(self, value: Value, unit: float) -> dict[str, Estimate]:
        """The estimates ``nll``, ``token_perplexity``, and the bits per amount of signal under the name of ``value``.

        Args:
            value: the line of the bits per amount of signal.
            unit: bits in its unit.
        """
        nll = per_unit(self.nats, self.tokens, self.groups)
        bits = per_unit(self.nats / math.log(2) / unit, self.amounts, self.groups)
        lines = by_name((NLL, TOKEN_PERPLEXITY, value))
        if self.density:
            return _of_density(nll.model_copy(update={"note": self.note}), lines)
        estimates = {"nll": nll, "token_perplexity": exponential(nll), value.name: bits}
        return {key: estimate.described_by(lines[key], self.note) for key, estimate in estimates.items()}


def _of_density(nll: Estimate, lines: Mapping[str, Value]) -> dict[str, Estimate]:
    """The estimates for continuous tokens, whose likelihood is a density: it changes with the latents' scale."""
    reason = "the likelihood of continuous tokens is a density, which has no {} until they are rounded"
    remedy = "compare nll for one tokenizer only, or choose a tokenizer with codebooks"
    what = {"token_perplexity": "number of equally likely tokens"}
    unavailable = {
        key: Estimate(
            value=None,
            unit=value.unit,
            higher_is_better=value.higher_is_better,
            unavailable=reason.format(what.get(key, "bits")),
            remedy=remedy,
        )
        for key, value in lines.items()
    }
    note = f"density of the latents, which depends on their scale: compare for one tokenizer only; {nll.note}"
    return unavailable | {"nll": nll.model_copy(update={"unit": NLL.unit, "note": note})}
