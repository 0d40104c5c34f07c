"""The streaming loop: samples -> tokens -> reconstruction -> metrics."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any, TypeVar

import torch

from bench.contracts.task import Report
from bench.contracts.tokens import TokenError, Tokens
from bench.datasets.base import BadSample, Dataset, Sample
from bench.datasets.loader import ordered
from bench.errors import BenchError
from bench.machine.faults import summary_of
from bench.machine.memory import MemoryMeter
from bench.machine.watch import watched
from bench.measuring.copies import Observer, owned, show
from bench.measuring.seen import Seen
from bench.measuring.trial import EXACT, Limits, Trial
from bench.metrics.base import Batch
from bench.modalities.signal import Signal, SystemFailure
from bench.tokenizers.base import Tokenizer

if TYPE_CHECKING:
    from bench.machine.pool import Pool
    from bench.measuring.features import FeatureBank

T = TypeVar("T")

TIMINGS, TIMING_SECONDS = 7, 0.15
"""A batch is timed at least once, until it was timed so often or for so many seconds."""


HOPELESS = 3
"""A system that fails on this many samples before it succeeds on any is not tried on the others."""


@dataclass(frozen=True)
class Loop:
    """How to run the loop; nothing here may change a quality metric.

    Attributes:
        signals: how the modality handles its signals.
        device: device that the system runs on.
        batch_size: samples per batch.
        workers: threads that read samples.
        seed: seed of everything random.
        report: called with the progress.
        pool: processes of the metrics, stopped while a system is timed on the processor that they share.
        limits: by how much the arithmetic of the system may change a sample.
    """

    signals: Signal
    device: torch.device
    batch_size: int
    workers: int
    seed: int
    report: Report
    pool: Pool | None = None
    limits: Limits = EXACT

    def alone(self) -> AbstractContextManager[None]:
        """A context in which no process of the metrics competes with the system for the processor."""
        return self.pool.paused() if self.pool and self.device.type == "cpu" else nullcontext()


@dataclass(frozen=True)
class _Passed:
    """A batch after encode and decode: tokens, output, the seconds of each, and the peak memory of both."""

    tokens: Tokens
    output: Any
    encode_seconds: float
    decode_seconds: float
    peak_bytes: int | None


def evaluate(
    tokenizer: Tokenizer,
    dataset: Dataset,
    observers: Sequence[Observer],
    loop: Loop,
    meter: MemoryMeter,
    bank: FeatureBank | None = None,
) -> Seen:
    """Stream a data set through a tokenizer and show it to the observers; memory does not grow with its length.

    A sample on which the system raises an error is noted and left out, unless it fails on every sample.

    Raises:
        SystemFailure: the tokenizer broke its contract on a sample that the message names, or its numbers would be
            meaningless.
    """
    seen = Seen(doubts=list(dataset.remarks))
    trial = Trial(tokenizer, tokenizer.encode, tokenizer.decode, loop.signals, loop.limits, loop.seed, seen.doubts)

    def attempt(signal: Any, samples: list[Sample], indices: list[int]) -> _Passed:
        return _pass(tokenizer, signal, samples, indices[0], loop, meter, trial, warm=bool(seen.tokens))

    for indices, samples, signal, passed in survivors(dataset, loop, tokenizer.equal_lengths, seen, attempt):
        seen.tokens = passed.tokens.kind
        for sample in samples:
            seen.note(sample)
        reference, reconstruction = loop.signals.finish(signal), loop.signals.finish(passed.output)
        index = torch.tensor(indices)
        batch = Batch(
            index=index,
            group=torch.tensor([sample.group for sample in samples]),
            reference=reference,
            reconstruction=reconstruction,
            tokens=passed.tokens,
            features=bank.batch(index, reference, reconstruction) if bank else None,
            encode_seconds=passed.encode_seconds,
            decode_seconds=passed.decode_seconds,
            peak_bytes=passed.peak_bytes,
            ids=tuple(sample.id for sample in samples),
            transcripts=tuple(sample.transcript for sample in samples),
            languages=tuple(sample.language for sample in samples),
            nominal_bitrate=getattr(tokenizer, "bitrate", None),
        )
        show(observers, batch)
        loop.report("measuring", indices[-1] + 1, len(dataset))
    return seen


def batches(dataset: Dataset, loop: Loop, equal_lengths: bool, seen: Seen) -> Iterator[tuple[list[int], list[Sample]]]:
    """Batches of samples that can be joined, as indices and samples, in the data set's order.

    Samples that cannot be read are noted and left out.
    """
    indices: list[int] = []
    samples: list[Sample] = []
    for index, sample in ordered(dataset, loop.workers, prefetch=2 * loop.batch_size):
        if isinstance(sample, BadSample):
            seen.skipped[dataset.id(index)] = str(sample)
            continue
        sample = seen.read(sample)
        if samples and not loop.signals.joins(samples, sample, equal_lengths):
            yield indices, samples
            indices, samples = [], []
        indices.append(index)
        samples.append(sample)
        if len(samples) == loop.batch_size:
            yield indices, samples
            indices, samples = [], []
    if samples:
        yield indices, samples


def survivors(
    dataset: Dataset,
    loop: Loop,
    equal_lengths: bool,
    seen: Seen,
    attempt: Callable[[Any, list[Sample], list[int]], T],
) -> Iterator[tuple[list[int], list[Sample], Any, T]]:
    """Batches with what an attempt made of them: indices, samples, the signal and the result.

    A batch that raises an error is tried again sample by sample, so that only the failing samples are lost.

    Args:
        seen: where failed samples are noted; the caller notes the others.
        attempt: what the system does with the signal of a batch, its samples and their indices.
    """
    for indices, samples in batches(dataset, loop, equal_lengths, seen):
        parts = [(indices, samples)]
        while parts:
            part, members = parts.pop(0)
            signal = loop.signals.collate(members, loop.device)
            try:
                made = attempt(signal, members, part)
            except (SystemFailure, TokenError, BenchError):
                raise
            except torch.OutOfMemoryError:
                # Single samples may fit, but then the speeds would not be those of the stated batch size.
                if len(members) > 1:
                    raise
                seen.failed[members[0].id] = "the device has too little memory for it"
                continue
            except Exception as error:
                if len(members) > 1:
                    parts = [([i], [sample]) for i, sample in zip(part, members, strict=True)] + parts
                    continue
                seen.failed[members[0].id] = summary_of(error)
                if not seen.ids and len(seen.failed) == min(HOPELESS, len(dataset) - len(seen.skipped)):
                    raise
                continue
            yield part, members, signal, made


def _pass(
    tokenizer: Tokenizer,
    signal: Any,
    samples: list[Sample],
    first: int,
    loop: Loop,
    meter: MemoryMeter,
    trial: Trial,
    warm: bool,
) -> _Passed:
    with loop.alone(), watched():
        if not warm:  # the first call includes lazy initialization, so it is not timed
            _check_decoder(tokenizer, signal, loop.signals)
        meter.reset()
        tokens, output, encode_seconds, decode_seconds = _timed(tokenizer, signal, loop, first)
        # Read before the metrics run, so that their memory is not the system's.
        peak = meter.peak()
        _check(tokenizer, tokens, output, signal, samples, loop.signals)
        with torch.inference_mode():
            trial(signal, samples, tokens, output)
    return _Passed(tokens, output, encode_seconds, decode_seconds, peak)


def _timed(tokenizer: Tokenizer, signal: Any, loop: Loop, first: int) -> tuple[Tokens, Any, float, float]:
    """Tokens and output of the first call, and the median seconds of encode and of decode.

    What takes milliseconds is repeated, because a single reading of it is mostly noise. Every call gets a
    copy, and what it returns is copied, since its next call may write to the same memory. The generators
    are seeded, so that what is random does not depend on how often it was timed.
    """
    begin = time.perf_counter()
    timings: list[tuple[float, float]] = []
    kept: tuple[Tokens, Any] | None = None
    torch.manual_seed(loop.seed * 1_000_003 + first)
    with torch.inference_mode():
        while not timings or (len(timings) < TIMINGS and time.perf_counter() - begin < TIMING_SECONDS):
            copy = owned(signal)
            start = _now(loop.device)
            emitted = tokenizer.encode(copy)
            encoded = _now(loop.device) - start
            tokens, emitted = owned(emitted), owned(emitted)
            start = _now(loop.device)
            output = tokenizer.decode(emitted)
            timings.append((encoded, _now(loop.device) - start))
            if kept is None:
                loop.signals.check(output, signal)
                values = loop.signals.values(output).to(loop.device, copy=True)
                kept = tokens, loop.signals.like(signal, values)
    encode, decode = (median(column) for column in zip(*timings, strict=True))
    assert kept is not None
    return *kept, encode, decode


def _check_decoder(tokenizer: Tokenizer, signal: Any, signals: Signal) -> None:
    """SystemFailure if the decoder uses more than the tokens: what was encoded last must not matter.

    A decoder that gives two different outputs for the same tokens is random, and cannot be checked this way.
    """
    with torch.inference_mode():
        tokens = owned(tokenizer.encode(owned(signal)))
        tokens.require_some(tokenizer)
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


def _check(
    tokenizer: Tokenizer, tokens: Tokens, output: Any, signal: Any, samples: list[Sample], signals: Signal
) -> None:
    tokens.require_some(tokenizer)
    tokens.check(tokenizer.codebooks)
    if tokens.batch_size != len(samples):
        raise SystemFailure(f"{len(samples)} samples were encoded to tokens for {tokens.batch_size}")
    if tokens.signal_lengths is not None:
        tokens.check_rates(tokenizer.codebooks)
    finite = torch.isfinite(signals.values(output)).flatten(1).all(1)
    if not bool(finite.all()):
        names: list[Any] = [s.id for s, good in zip(samples, finite.tolist(), strict=True) if not good]
        raise SystemFailure(f"NaN or infinity in the reconstruction of {', '.join(names)}")
