"""A batch through a tokenizer: encoded, decoded, timed and checked."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from contextlib import nullcontext
from statistics import median
from typing import Any

import torch

from bench.contracts.tokens import Tokens
from bench.datasets.base import Sample
from bench.machine.memory import MemoryMeter
from bench.machine.watch import watched
from bench.measuring.copies import owned
from bench.measuring.kept_samples import chosen
from bench.measuring.loop import Loop, Made
from bench.measuring.trial import Trial
from bench.modalities.signal import Signal, SystemFailure
from bench.tokenizers.base import Tokenizer

TIMINGS, TIMING_SECONDS = 7, 0.15
"""A batch is timed at least once, until it was timed so often or for so many seconds."""


class Passing:
    """What a tokenizer makes of batches.

    Args:
        tokenizer: the tokenizer, on its device.
        loop: how the loop is run.
        meter: measures the memory of the tokenizer.
        doubts: takes what makes the numbers doubtful, one sentence each.
        timed: positions of samples in the data set; a batch with one of them is timed, another one passes once.
    """

    def __init__(
        self, tokenizer: Tokenizer, loop: Loop, meter: MemoryMeter, doubts: list[str], timed: frozenset[int]
    ) -> None:
        self.tokenizer, self.loop, self.meter = tokenizer, loop, meter
        self.equal_lengths = tokenizer.equal_lengths
        self.nominal_bitrate: float | None = getattr(tokenizer, "bitrate", None)
        decode = tokenizer.decode if tokenizer.decodes else None
        self._trial = Trial(tokenizer, tokenizer.encode, decode, loop.signals, loop.limits, loop.seed, doubts)
        self._warm = False
        self._timed = timed

    def state(self) -> dict[str, Any]:
        """What :meth:`restore` needs to go on from here."""
        return {"tried": sorted(self._trial.tried)}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on where another process was, with a tokenizer that is not warm yet."""
        self._trial.tried.update(state["tried"])

    def __call__(self, signal: Any, samples: list[Sample], indices: list[int]) -> Made:
        """Encode and decode a batch.

        Raises:
            SystemFailure: the tokenizer broke its contract, or its numbers would be meaningless.
        """
        signals, timed = self.loop.signals, not self._timed.isdisjoint(indices)
        with self.loop.alone() if timed else nullcontext(), self.loop.transfers, watched():
            if not self._warm:  # the first call includes lazy initialization, so it is not timed
                _warm_up(self.tokenizer, signal, signals)
            self.meter.reset()
            torch.manual_seed(self.loop.seed * 1_000_003 + indices[0])
            if timed:
                tokens, output, encode_seconds, decode_seconds = _timed(self.tokenizer, signal, self.loop)
            else:
                tokens, output, encode_seconds, decode_seconds = _once(self.tokenizer, signal, self.loop)
            # Read before the metrics run, so that their memory is not the system's.
            peak = self.meter.peak()
            _check(self.tokenizer, tokens, output, samples, signals)
            with torch.inference_mode():
                self._trial(signal, samples, tokens, output)
        self._warm = True
        return Made(tokens, output, timed, encode_seconds, decode_seconds, peak)


def timed_positions(positions: Sequence[int], batches: int) -> frozenset[int]:
    """Of the positions of the samples that a process measures, those whose batches it times: evenly spread."""
    return frozenset(positions[place] for place in chosen(len(positions), batches)) if batches else frozenset()


def _once(tokenizer: Tokenizer, signal: Any, loop: Loop) -> tuple[Tokens, Any, float, float]:
    """Tokens and output, without their times, for which the device would have to be waited for."""
    with torch.inference_mode():
        tokens = owned(tokenizer.encode(owned(signal)))
        if not tokenizer.decodes:
            return tokens, None, math.nan, math.nan
        output = tokenizer.decode(owned(tokens))
        loop.signals.check(output, signal)
        values = loop.signals.values(output).to(loop.device, copy=True)
        return tokens, loop.signals.like(signal, values), math.nan, math.nan


def _timed(tokenizer: Tokenizer, signal: Any, loop: Loop) -> tuple[Tokens, Any, float, float]:
    """Tokens and output of the first call, and the median seconds of encode and of decode (NaN if it does not).

    What takes milliseconds is repeated, because a single reading of it is mostly noise. Every call gets a
    copy, and what it returns is copied, since its next call may write to the same memory.
    """
    begin = time.perf_counter()
    timings: list[tuple[float, float]] = []
    kept: tuple[Tokens, Any] | None = None
    with torch.inference_mode():
        while not timings or (len(timings) < TIMINGS and time.perf_counter() - begin < TIMING_SECONDS):
            copy = owned(signal)
            start = _now(loop.device)
            emitted = tokenizer.encode(copy)
            encoded = _now(loop.device) - start
            tokens, emitted = owned(emitted), owned(emitted)
            decoded, values = math.nan, None
            if tokenizer.decodes:
                start = _now(loop.device)
                output = tokenizer.decode(emitted)
                decoded = _now(loop.device) - start
                if kept is None:
                    loop.signals.check(output, signal)
                    values = loop.signals.values(output).to(loop.device, copy=True)
            timings.append((encoded, decoded))
            if kept is None:
                kept = tokens, None if values is None else loop.signals.like(signal, values)
    encode, decode = (median(column) for column in zip(*timings, strict=True))
    assert kept is not None
    return *kept, encode, decode


def _warm_up(tokenizer: Tokenizer, signal: Any, signals: Signal) -> None:
    """Encode and decode; SystemFailure if the decoder uses more than the tokens: what was encoded last must not matter.

    A decoder that gives two different outputs for the same tokens is random, and cannot be checked this way.
    """
    with torch.inference_mode():
        tokens = owned(tokenizer.encode(owned(signal)))
        tokens.require_some(tokenizer)
        if not tokenizer.decodes:
            return
        first, second = (_decoded(tokenizer, tokens, signal, signals).clone() for _ in range(2))
        if first.shape != second.shape or not torch.equal(first, second):
            return
        tokenizer.encode(signals.other(signal))
        after = _decoded(tokenizer, tokens, signal, signals)
        if not torch.allclose(first.float(), after.float(), atol=1e-2, equal_nan=True):
            raise SystemFailure(
                "decode gives another output for the same tokens after something else was encoded: it depends "
                "on state that encode keeps; make it depend only on the tokens"
            )


def _decoded(tokenizer: Tokenizer, tokens: Tokens, signal: Any, signals: Signal) -> torch.Tensor:
    output = tokenizer.decode(owned(tokens))
    signals.check(output, signal)
    return signals.values(output)


def _now(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


def _check(tokenizer: Tokenizer, tokens: Tokens, output: Any, samples: list[Sample], signals: Signal) -> None:
    tokens.require_some(tokenizer)
    tokens.check(tokenizer.codebooks)
    if tokens.batch_size != len(samples):
        raise SystemFailure(f"{len(samples)} samples were encoded to tokens for {tokens.batch_size}")
    if tokens.signal_lengths is not None:
        tokens.check_rates(tokenizer.codebooks)
    if output is None:
        return
    finite = torch.isfinite(signals.values(output)).flatten(1).all(1)
    if not bool(finite.all()):
        names: list[Any] = [s.id for s, good in zip(samples, finite.tolist(), strict=True) if not good]
        raise SystemFailure(f"NaN or infinity in the reconstruction of {', '.join(names)}")
