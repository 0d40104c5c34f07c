"""The one streaming loop: samples -> tokens -> reconstruction -> metrics."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from statistics import median
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import torch

from bench.datasets.base import BadSample, Dataset, Sample
from bench.datasets.loader import ordered
from bench.errors import BenchError
from bench.faults import told
from bench.memory import MemoryMeter
from bench.metrics.base import Batch
from bench.modalities.base import Modality, SystemFailure
from bench.task import Report
from bench.tokenizers.base import Tokenizer
from bench.tokens import TokenError, Tokens
from bench.watch import watched

if TYPE_CHECKING:
    from bench.features import FeatureBank
    from bench.pool import Pool

T = TypeVar("T")

TIMINGS, TIMING_SECONDS = 7, 0.15
"""A batch is timed until either is reached, once at least."""


HOPELESS = 3
"""A system that failed on so many samples before it managed any is not tried on the others."""


class Observer(Protocol):
    """What looks at every batch: the metrics, and what keeps samples."""

    def update(self, batch: Batch) -> None:
        """Take a batch in."""


@dataclass
class Seen:
    """What the loop saw.

    Attributes:
        ids, groups: of the measured samples.
        tokens: their kind.
        skipped: samples that could not be read, and why.
        failed: samples that the system raised an error on, and which.
        converted: what was done to stored samples, and to which.
        stored: how many samples were stored in which form.
    """

    ids: list[str] = field(default_factory=list)
    groups: list[int] = field(default_factory=list)
    tokens: str = ""
    skipped: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    converted: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    stored: Counter[str] = field(default_factory=Counter)

    def note(self, sample: Sample) -> None:
        """Record a sample that is measured."""
        self.ids.append(sample.id)
        self.groups.append(sample.group)
        if sample.stored:
            self.stored[sample.stored] += 1
        for conversion in sample.conversions:
            self.converted[conversion].append(sample.id)

    def refuse_nothing(self, dataset: Dataset) -> None:
        """BenchError if no sample was measured."""
        if not self.ids:
            name, reason = next(iter((self.failed | self.skipped).items()), ("", "the data set is empty"))
            why = f"{name}: {reason}" if name else reason
            raise BenchError(f"none of the {len(dataset)} samples of {dataset.name} was measured: {why}")


@dataclass(frozen=True)
class Loop:
    """How to run the loop; nothing here may change a quality metric.

    Attributes:
        pool: processes of the metrics, stopped while a system is timed on the processor they share.
    """

    modality: Modality
    device: torch.device
    batch_size: int
    workers: int
    seed: int
    report: Report
    pool: Pool | None = None

    def alone(self) -> AbstractContextManager[None]:
        """A stretch of time in which nothing of ours competes with the system."""
        return self.pool.paused() if self.pool and self.device.type == "cpu" else nullcontext()


@dataclass(frozen=True)
class _Passed:
    """What became of a batch: tokens, output and seconds of encode and of decode; peak memory of both."""

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
    """Stream a dataset through a tokenizer and show it to the observers; memory does not grow with its length.

    A sample that the system raises an error on is named and left out, unless the system manages none.

    Raises:
        SystemFailure: the tokenizer broke its contract on a sample that the message names.
    """
    seen = Seen()

    def attempt(signal: Any, samples: list[Sample], indices: list[int]) -> _Passed:
        return _pass(tokenizer, signal, samples, indices[0], loop, meter, warm=bool(seen.tokens))

    for indices, samples, signal, passed in survivors(dataset, loop, tokenizer.equal_lengths, seen, attempt):
        seen.tokens = passed.tokens.kind
        for sample in samples:
            seen.note(sample)
        reference, reconstruction = loop.modality.finish(signal), loop.modality.finish(passed.output)
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
        for observer in observers:
            observer.update(batch)
        loop.report("measuring", indices[-1] + 1, len(dataset))
    return seen


def batches(dataset: Dataset, loop: Loop, equal_lengths: bool, seen: Seen) -> Iterator[tuple[list[int], list[Sample]]]:
    """Batches of samples that go together, in the dataset's order; unreadable samples are noted and left out."""
    indices: list[int] = []
    samples: list[Sample] = []
    for index, sample in ordered(dataset, loop.workers, prefetch=2 * loop.batch_size):
        if isinstance(sample, BadSample):
            seen.skipped[dataset.id(index)] = str(sample)
            continue
        if samples and not loop.modality.joins(samples, sample, equal_lengths):
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
    """Batches with what an attempt made of them; one that raised an error is taken apart, so that it costs one sample.

    Args:
        seen: the samples that failed are noted there; those that did not are for the caller to note.
        attempt: what the system does, of a batch as it takes it, its samples and their indices.
    """
    for indices, samples in batches(dataset, loop, equal_lengths, seen):
        parts = [(indices, samples)]
        while parts:
            part, members = parts.pop(0)
            signal = loop.modality.collate(members, loop.device)
            try:
                made = attempt(signal, members, part)
            except (SystemFailure, TokenError, BenchError):
                raise
            except torch.OutOfMemoryError:
                # One by one it may fit, but then the speeds would not be those of the batch size that is stated.
                if len(members) > 1:
                    raise
                seen.failed[members[0].id] = "the device has too little memory for it"
                continue
            except Exception as error:
                if len(members) > 1:
                    parts = [([i], [sample]) for i, sample in zip(part, members, strict=True)] + parts
                    continue
                seen.failed[members[0].id] = told(error)
                if not seen.ids and len(seen.failed) == min(HOPELESS, len(dataset) - len(seen.skipped)):
                    raise
                continue
            yield part, members, signal, made


def _pass(
    tokenizer: Tokenizer, signal: Any, samples: list[Sample], first: int, loop: Loop, meter: MemoryMeter, warm: bool
) -> _Passed:
    with loop.alone(), watched():
        if not warm:  # the first call pays for lazy initialization; it is not timed
            _check_decoder(tokenizer, signal, loop.modality)
        meter.reset()
        tokens, output, encode_seconds, decode_seconds = _timed(tokenizer, signal, loop, first)
        # Read before the metrics run, so that their memory is not the system's.
        peak = meter.peak()
    _check(tokenizer, tokens, output, signal, samples, loop.modality)
    return _Passed(tokens, output, encode_seconds, decode_seconds, peak)


def _timed(tokenizer: Tokenizer, signal: Any, loop: Loop, first: int) -> tuple[Tokens, Any, float, float]:
    """Tokens and output of the first call, and the median seconds of encode and of decode.

    What takes milliseconds is repeated, because one reading of it is mostly the noise of the machine. Every
    call gets a copy: a tokenizer that normalizes in place must not change what it is compared with. The
    generators are seeded, so that what is random does not depend on how often it was timed.
    """
    begin = time.perf_counter()
    timings: list[tuple[float, float]] = []
    kept: tuple[Tokens, Any] | None = None
    torch.manual_seed(loop.seed * 1_000_003 + first)
    with torch.inference_mode():
        while not timings or (len(timings) < TIMINGS and time.perf_counter() - begin < TIMING_SECONDS):
            copy = _copy(signal, loop.modality)
            start = _now(loop.device)
            tokens = tokenizer.encode(copy)
            middle = _now(loop.device)
            output = tokenizer.decode(tokens)
            timings.append((middle - start, _now(loop.device) - middle))
            if kept is None:
                loop.modality.check(output, signal)
                # A copy, because a decoder may write its next output into the same memory.
                values = loop.modality.values(output).to(loop.device, copy=True)
                kept = tokens, loop.modality.like(output, values)
    encode, decode = (median(column) for column in zip(*timings, strict=True))
    assert kept is not None
    return *kept, encode, decode


def _copy(signal: Any, modality: Modality) -> Any:
    return modality.like(signal, modality.values(signal).clone())


def _check_decoder(tokenizer: Tokenizer, signal: Any, modality: Modality) -> None:
    """SystemFailure if the decoder knows more than the tokens: what was encoded last must not matter.

    A decoder that gives two different outputs for the same tokens is random, and cannot be judged so.
    """
    with torch.inference_mode():
        tokens = tokenizer.encode(_copy(signal, modality))
        tokens.require_some(tokenizer)
        one, two = (_decoded(tokenizer, tokens, signal, modality).clone() for _ in range(2))
        if one.shape != two.shape or not torch.equal(one, two):
            return
        tokenizer.encode(modality.other(signal))
        after = _decoded(tokenizer, tokens, signal, modality)
        if not torch.allclose(one.float(), after.float(), atol=1e-2, equal_nan=True):
            raise SystemFailure(
                "decode gives another output for the same tokens once something else was encoded: it depends "
                "on what encode kept, not on the tokens alone"
            )


def _decoded(tokenizer: Tokenizer, tokens: Tokens, signal: Any, modality: Modality) -> torch.Tensor:
    output = tokenizer.decode(tokens)
    modality.check(output, signal)
    return modality.values(output)


def _now(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


def _check(
    tokenizer: Tokenizer, tokens: Tokens, output: Any, signal: Any, samples: list[Sample], modality: Modality
) -> None:
    tokens.require_some(tokenizer)
    tokens.check(tokenizer.codebooks)
    if tokens.batch_size != len(samples):
        raise SystemFailure(f"{len(samples)} samples were encoded to tokens of {tokens.batch_size}")
    if tokens.signal_lengths is not None:
        tokens.check_rates(tokenizer.codebooks)
    finite = torch.isfinite(modality.values(output)).flatten(1).all(1)
    if not bool(finite.all()):
        names: list[Any] = [s.id for s, good in zip(samples, finite.tolist(), strict=True) if not good]
        raise SystemFailure(f"NaN or infinity in the reconstruction of {', '.join(names)}")
