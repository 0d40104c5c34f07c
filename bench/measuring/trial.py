"""Checks of a system at its first batches, before its numbers are trusted.

Each check fails the cell where the numbers would be meaningless, and gives a warning where they mean less than they
seem to. The thresholds are far from what correct systems do; what was measured is stated with each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.dropout import _DropoutNd

from bench.contracts.protocol import Protocol
from bench.contracts.tokens import Tokens
from bench.datasets.base import Sample
from bench.measuring.copies import owned
from bench.modalities.signal import Signal, SystemFailure

NAMED = 3
"""The most layers that a message names; it counts the others."""

LONGEST = 200
"""The most characters of an error's message that a warning quotes."""


@dataclass(frozen=True)
class Limits:
    """How much two passes of a sample may differ before that is more than rounding.

    Attributes:
        tokens: share of the codes of the first level that differ, or the root mean square (RMS) of the latents'
            difference as a share of the latents' RMS.
        values: RMS of the reconstructions' difference, as a share of the reconstruction's RMS.
        error: the same as a share of the RMS of the reconstruction's error; the larger of both limits counts.
    """

    tokens: float
    values: float
    error: float


EXACT = Limits(tokens=0.05, values=5e-3, error=0.1)
"""The limits in float32. Convolutions round differently in another batch: after 50 layers a reconstruction differs by
2e-5 of its RMS, and none of 256 codes differ. Batch norm in training mode, in an autoencoder of 15 dB with 256 codes,
changes 8 to 87% of the codes, and the reconstruction by 0.27 to 0.74 of its error, which is 0.05 to 0.2."""

COARSE = Limits(tokens=0.25, values=2e-2, error=0.5)
"""The limits in bfloat16, float16 and TF32, which keep 8 to 11 bits of a value. They are estimated from that: of codes
of 18 signs one in ten flips if one sign in 200 does, and if 3% of a vector quantizer's codes flip at a tie, the
reconstruction differs by a quarter of its error."""


@dataclass(frozen=True)
class Passed:
    """A sample after encode and decode: its tokens of the first level ``[positions, ...]``, and its reconstruction."""

    tokens: torch.Tensor | bytes
    values: torch.Tensor


@dataclass(frozen=True)
class Gap:
    """The difference of two passes of a sample, as in ``Limits``, but with absolute ``values``."""

    tokens: float
    values: float
    kind: str

    def beyond(self, tokens: float, values: float) -> bool:
        """Whether the tokens or the values differ by more than that."""
        return self.tokens > tokens or self.values > values

    @property
    def text(self) -> str:
        """The gap in words, without the figures that are zero."""
        parts = [f"{self.tokens:.1%} of its {self.kind}" if self.tokens else ""]
        parts.append(f"{self.values:.2g} (rms) of its reconstruction" if self.values else "")
        return " and ".join(filter(None, parts))


@dataclass
class Trial:
    """Checks a system on its first batch, and again on the first that is padded.

    Args:
        system: the system, whose layers a message names.
        encode: encodes a batch.
        decode: decodes a batch; None where nothing is decoded.
        signals: how the modality handles its signals.
        limits: the limits for the arithmetic that the system computes in.
        seed: seeds the generators before each trial, so that warnings are the same in every run.

    Attributes:
        tried: whether the batches on which it was checked were padded.
        doubts: what makes the numbers doubtful, one sentence each.
    """

    system: object
    encode: Callable[[Any], Tokens]
    decode: Callable[[Tokens], Any] | None
    signals: Signal
    limits: Limits
    seed: int
    doubts: list[str] = field(default_factory=list)
    tried: set[bool] = field(default_factory=set)

    def __call__(self, signal: Any, samples: Sequence[Sample], tokens: Tokens, output: Any = None) -> None:
        """Check a batch, its tokens and its output; nothing is done once the system has been tried.

        The system must be called as it was for the batch, without gradients or in inference mode: it may keep tensors.

        Raises:
            SystemFailure: the numbers would be meaningless, since the values are on another scale, or a sample depends
                on the others of its batch.
        """
        if not self.tried and output is not None and (doubt := self.signals.misscaled(output, signal)):
            self.doubts.append(doubt)
        padded = self.signals.padded(signal)
        if padded in self.tried or True in self.tried:
            return
        self.tried.add(padded)
        torch.manual_seed(self.seed)
        self._alone(signal, samples, tokens, output, padded)

    def _alone(self, signal: Any, samples: Sequence[Sample], tokens: Tokens, output: Any, padded: bool) -> None:
        """Check that one sample becomes the same alone, alone once more, and among others."""
        position = self.signals.likeliest(signal)
        alone = self.signals.alone(signal, position)
        name = samples[position].id
        try:
            single, again = self._pass(alone), self._pass(alone)
        except torch.OutOfMemoryError:
            raise
        except Exception as error:
            self.doubts.append(
                f"{name} fails alone ({type(error).__name__}: {str(error)[:LONGEST]}) but not among the others of "
                "its batch, so the numbers may depend on the batch size"
            )
            return
        noise = _gap(single, again)
        scale = _rms(single.values)
        if noise.beyond(self.limits.tokens, self.limits.values * scale):
            remedy = self._training() or "seed what is drawn by the sample"
            self.doubts.append(
                f"encode or decode is random: {name}, passed twice alone, differs in {noise.text}; the numbers hold "
                f"only for this seed and batch size ({remedy})"
            )
        together = self._together(alone, position, tokens, output, signal)
        if together is None:
            return
        change = _gap(single, together)
        distance = _rms(single.values - self.signals.sample(alone, 0).to(single.values)) if self.decode else 0.0
        # What is random alone may be as random in a batch.
        allowed = max(self.limits.values * scale, self.limits.error * distance, 2 * noise.values)
        if change.beyond(max(self.limits.tokens, 2 * noise.tokens), allowed):
            remedy = self._training()
            if not remedy and padded:
                remedy = "padding changes it: mask the padding, or set equal_lengths"
            raise SystemFailure(
                f"the result for a sample depends on its batch: {name} alone differs from itself among others in "
                f"{change.text}, so the numbers would depend on the batch size; "
                + (remedy or "encode and decode each sample independently")
            )

    def _together(self, alone: Any, position: int, tokens: Tokens, output: Any, signal: Any) -> Passed | None:
        """The sample among those of its batch, or beside another if it is the only one; None if that fails."""
        if tokens.batch_size > 1:
            return self._passed(tokens, output, signal, position)
        try:
            pair = self.signals.joined(alone, self.signals.other(alone))
            return self._pass(pair)
        except Exception:  # the user chose a batch of one, perhaps because it has to be
            return None

    def _pass(self, signal: Any) -> Passed:
        """Encode and decode a batch; its first sample."""
        tokens = owned(self.encode(owned(signal)))
        output = self.decode(owned(tokens)) if self.decode else None
        if self.decode:
            self.signals.check(output, signal)
        return self._passed(tokens, output, signal, 0)

    def _passed(self, tokens: Tokens, output: Any, signal: Any, position: int) -> Passed:
        first = tokens.payload[position] if tokens.payload else tokens.rows(0)[position].clone()
        if output is None:
            return Passed(first, torch.zeros(0))
        values = self.signals.sample(self.signals.like(signal, self.signals.values(output)), position)
        return Passed(first, values.float().clone())

    def _training(self) -> str:
        layers = list(training_layers(self.system))
        if not layers:
            return ""
        more = f" and {len(layers) - NAMED} more" if len(layers) > NAMED else ""
        return f"{', '.join(layers[:NAMED])}{more} in training mode: call .eval() on the model"


def limits_of(protocol: Protocol) -> Limits:
    """The limits for the arithmetic that a protocol states."""
    return EXACT if protocol.dtype == "float32" and not protocol.tf32 else COARSE


def training_layers(system: object) -> Iterator[str]:
    """The names of batch norm and dropout layers of a system that are in training mode."""
    for attribute, value in [("", system), *getattr(system, "__dict__", {}).items()]:
        if not isinstance(value, nn.Module):
            continue
        for name, layer in value.named_modules(prefix=attribute):
            drops = isinstance(layer, _DropoutNd) and layer.p > 0
            if layer.training and (drops or isinstance(layer, _BatchNorm)):
                yield f"{name} ({type(layer).__name__})"


def _gap(left: Passed, right: Passed) -> Gap:
    latents = isinstance(left.tokens, torch.Tensor) and left.tokens.is_floating_point()
    apart = _tokens_apart(left.tokens, right.tokens)
    return Gap(apart, _rms(left.values - right.values), "latents (rms)" if latents else "codes")


def _tokens_apart(left: torch.Tensor | bytes, right: torch.Tensor | bytes) -> float:
    if isinstance(left, bytes) or isinstance(right, bytes):
        return 0.0  # a codec's bytes may hold a time or a name; what they decode to counts
    if len(left) != len(right):
        return 1.0
    if not left.is_floating_point():
        return float((left != right).double().mean()) if left.numel() else 0.0
    return _rms(left.float() - right.float()) / (_rms(left) or 1.0)


def _rms(values: torch.Tensor) -> float:
    return float(values.double().square().mean().sqrt()) if values.numel() else 0.0
