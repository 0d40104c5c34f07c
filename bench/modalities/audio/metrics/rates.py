"""Rates of audio tokens: tokens per second, and three bitrates that are not the same number."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import torch

from bench.contracts.stats import Estimate, assign_blocks, block_jackknife
from bench.contracts.tokens import TokenKind
from bench.metrics.base import ENCODES_ONLY, Batch, Metric
from bench.metrics.cost import Timed
from bench.metrics.counts import NO_BITS, UNKNOWN, TokenMetric
from bench.metrics.rates import STATE_RATE, EntropyRate

KILO = 1000.0
STATED = {
    "bytes": ("what the codec is set to", "this codec is not set to a bitrate; see bitrate_file", ""),
    "unknown": ("as stated with --rate", UNKNOWN, STATE_RATE),
}
"""How the bitrate of tokens that are not counted was obtained, why there is none, and the remedy."""


def ratio(metric: Metric, name: str, over: np.ndarray, under: np.ndarray) -> Estimate:
    """Σ over / Σ under of values ``[samples]`` in the dataset's order, jackknifed over groups."""
    groups = metric.stacked("groups")[metric.order()]
    block = assign_blocks(groups)
    top, bottom = (np.bincount(block, weights=values) for values in (over, under))
    estimate = block_jackknife(
        float(over.sum() / under.sum()),
        np.bincount(block),
        lambda j: float((top.sum() - top[j]) / (bottom.sum() - bottom[j])),
    )
    return metric.describe(name, estimate)


class DeclaredRate(TokenMetric):
    """A rate that follows from the architecture and is exact; the counts of each clip are checked against it."""

    def exact(self, name: str, value: float) -> Estimate:
        """An estimate with an error of 0."""
        estimate = Estimate(value=value, stderr=0.0, interval=(value, value), n=len(self.stacked("indices")))
        return self.describe(name, estimate.model_copy(update={"method": "declared; the codes of each clip agree"}))


class Totals(TokenMetric):
    """A ratio of totals over the clips: something counted per second."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for state in ("counted", "seconds"):
            self.add_state(state, default=[], dist_reduce_fx="cat")

    @abstractmethod
    def count(self, batch: Batch) -> torch.Tensor:
        """The counts of each clip that are divided by its seconds, ``[batch]``."""

    def update(self, batch: Batch) -> None:
        self.remember(batch)
        if not self.why_undefined:
            self.keep("counted", self.count(batch).double())
            self.keep("seconds", batch.reference.seconds)

    def measured(self, name: str) -> Estimate:
        """The ratio of the totals, with its jackknife error."""
        order = self.order()
        return ratio(self, name, self.stacked("counted")[order], self.stacked("seconds")[order])


class TokensPerSecond(Totals, DeclaredRate, line="tokens_per_second"):
    """Codes per second over all levels, as the codebooks declare; latent vectors are counted over the set.

    So are hybrid tokens, of which the codebooks declare only the codes, and those of a model with a number of codes per
    clip, which have no rate.
    """

    undefined: ClassVar[Mapping[TokenKind, str]] = {"bytes": "a codec emits bytes, not tokens; see bitrate"}

    def count(self, batch: Batch) -> torch.Tensor:
        counts = batch.tokens.counts
        assert counts is not None  # a codec's are not counted
        return counts

    def compute(self) -> dict[str, Estimate]:
        name = "tokens_per_second"
        if reason := self.why_undefined:
            return {name: self.unavailable(name, reason)}
        rates = [book.rate for book in self.codebooks if book.rate is not None]
        declared = rates and len(rates) == len(self.codebooks) and self.seen_kind != "hybrid"
        return {name: self.exact(name, sum(rates)) if declared else self.measured(name)}


class Bitrate(Totals, DeclaredRate, line="bitrate"):
    """Nominal bitrate in kbit/s: Σ_books rate · log2(size), or the setting of a codec.

    Where codes come without a declared rate, as those of reconstructions made elsewhere or a number of them per clip,
    they are counted over the set.
    """

    undefined: ClassVar[Mapping[TokenKind, str]] = {**NO_BITS, "unknown": ""}
    setting: torch.Tensor

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.add_state("setting", default=torch.tensor(-1.0, dtype=torch.float64), dist_reduce_fx="max")

    def count(self, batch: Batch) -> torch.Tensor:
        bits = batch.tokens.nominal_bits(self.codebooks)
        return torch.zeros(len(batch.index)) if bits is None else bits / KILO

    def update(self, batch: Batch) -> None:
        super().update(batch)
        if batch.nominal_bitrate is not None:
            self.setting = torch.full_like(self.setting, batch.nominal_bitrate)

    def compute(self) -> dict[str, Estimate]:
        if reason := self.why_undefined:
            return {"bitrate": self.unavailable("bitrate", reason)}
        if self.seen_kind in STATED:
            how, reason, remedy = STATED[self.seen_kind]
            if self.setting < 0:
                return {"bitrate": self.unavailable("bitrate", reason, remedy=remedy)}
            estimate = self.exact("bitrate", float(self.setting) / KILO)
            return {"bitrate": estimate.model_copy(update={"method": how})}
        declared = [book.bits * book.rate for book in self.codebooks if book.rate is not None]
        if len(declared) < len(self.codebooks):
            return {"bitrate": self.measured("bitrate")}
        return {"bitrate": self.exact("bitrate", sum(declared) / KILO)}


class FileBitrate(Totals, line="bitrate_file"):
    """Bits that a codec wrote per second of audio, over the whole set, in kbit/s."""

    undefined: ClassVar[Mapping[TokenKind, str]] = {
        "continuous": "continuous tokens are not written to a file",
        "hybrid": "tokens are not written to a file",
        "discrete": "tokens are not written to a file; see bitrate and bitrate_entropy",
    }

    def count(self, batch: Batch) -> torch.Tensor:
        return torch.tensor([8 * len(data) / KILO for data in batch.tokens.payload], dtype=torch.float64)

    def compute(self) -> dict[str, Estimate]:
        name = "bitrate_file"
        reason = self.why_undefined
        return {name: self.unavailable(name, reason) if reason else self.measured(name)}


class EntropyBitrate(EntropyRate, line="bitrate_entropy"):
    """Entropy rate of audio in kbit/s."""

    def amount(self, batch: Batch) -> torch.Tensor:
        seconds: torch.Tensor = batch.reference.seconds * KILO
        return seconds


class RealTimeFactor(Timed, line="real_time_factor"):
    """Seconds of computing per second of audio to encode and to decode, warm.

    ``*_rtf`` is global: all computing over all audio. ``*_rtf_clip_mean`` is the mean over the clips of each
    clip's own factor, which short clips dominate; the clips of a batch share its factor.
    """

    def amounts(self, batch: Batch) -> list[float]:
        return [len(batch.index), float(batch.reference.seconds.sum())]

    def speeds(self, *columns: np.ndarray) -> dict[str, Estimate]:
        clips, seconds, *spent = columns
        estimates = {}
        for direction, times in zip(("encode", "decode"), spent, strict=True):
            estimates[f"{direction}_rtf"] = self._factor(f"{direction}_rtf", times, seconds)
            estimates[f"{direction}_rtf_clip_mean"] = self._factor(
                f"{direction}_rtf_clip_mean", clips * times / seconds, clips
            )
        return {name: estimates[name] for name in self.outputs}

    def at_once(self, name: str, whole: Estimate, each: Sequence[Estimate], degrees: int) -> Estimate:
        if name.endswith("_clip_mean"):
            return whole  # each clip's own factor does not change with what runs beside it
        rates = [_inverse(estimate) for estimate in each]
        return self.describe(name, _inverse(super().at_once(name, whole, rates, degrees)))

    def _factor(self, name: str, over: np.ndarray, under: np.ndarray) -> Estimate:
        """Σ over / Σ under of values ``[batches]``; the interval shows how steady this run was."""
        if np.isnan(over).any():
            return self.unavailable(name, ENCODES_ONLY)
        rest = np.maximum(under.sum() - under, np.finfo(float).tiny)
        factors = (over.sum() - over) / rest
        estimate = block_jackknife(float(over.sum() / under.sum()), under, lambda j: float(factors[j]))
        method = f"spread over {len(under)} batches of this run; another load of the machine is not in it"
        if estimate.stderr is None:
            method = "no interval: a single batch"
        return self.describe(name, estimate.model_copy(update={"method": method, "n": len(self.stacked("indices"))}))


def _inverse(estimate: Estimate) -> Estimate:
    """One over a positive estimate, its error carried over to first order."""
    value, stderr, interval = estimate.value, estimate.stderr, estimate.interval
    if not value:
        return estimate
    return estimate.model_copy(
        update={
            "value": 1 / value,
            "stderr": None if stderr is None else stderr / value**2,
            "interval": (1 / interval[1], 1 / interval[0]) if interval and interval[0] > 0 else None,
        }
    )
