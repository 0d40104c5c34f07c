"""The streaming loop: samples -> tokens -> reconstruction -> metrics."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import torch

from bench.contracts.task import Report
from bench.contracts.tokens import TokenError, Tokens
from bench.datasets.base import Dataset, Sample
from bench.errors import BenchError
from bench.machine.faults import summary_of
from bench.machine.ranks import ALONE, Ranks
from bench.measuring.copies import Observer, show
from bench.measuring.seen import Seen
from bench.measuring.steps import steps
from bench.measuring.trial import EXACT, Limits
from bench.metrics.base import Batch
from bench.modalities.signal import Signal, SystemFailure

if TYPE_CHECKING:
    from bench.machine.pool import Pool
    from bench.machine.resume import Resume
    from bench.measuring.features import FeatureBank

T = TypeVar("T")

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
        ranks: the processes that measure the samples together.
        transfers: held while a batch is brought to the device, and while a system's time and memory are measured.
    """

    signals: Signal
    device: torch.device
    batch_size: int
    workers: int
    seed: int
    report: Report
    pool: Pool | None = None
    limits: Limits = EXACT
    ranks: Ranks = ALONE
    transfers: threading.Lock = field(default_factory=threading.Lock)

    def alone(self) -> AbstractContextManager[None]:
        """A context in which no process of the metrics competes with the system for the processor."""
        return self.pool.paused() if self.pool and self.device.type == "cpu" else nullcontext()


@dataclass(frozen=True)
class Made:
    """What a system made of a batch.

    Attributes:
        tokens: its tokens.
        output: what was decoded, in the form of the signal; None where nothing is.
        timed: whether it was timed.
        encode_seconds, decode_seconds: what that took; NaN for what was not done.
        peak_bytes: peak memory of the system; None if unknown.
    """

    tokens: Tokens
    output: Any
    timed: bool = False
    encode_seconds: float = math.nan
    decode_seconds: float = math.nan
    peak_bytes: int | None = None


class Maker(Protocol):
    """What gives tokens and reconstructions: a tokenizer, or the files that one left."""

    equal_lengths: bool
    """Whether the samples of a batch must be equally long."""
    nominal_bitrate: float | None
    """Bits per second that an audio codec is set to."""

    def __call__(self, signal: Any, samples: list[Sample], indices: list[int]) -> Made:
        """What it makes of a batch, given the signal, its samples and their indices."""

    def state(self) -> dict[str, Any]:
        """What ``restore`` needs to go on from here."""

    def restore(self, state: dict[str, Any]) -> None:
        """Go on where another process was."""


def evaluate(
    maker: Maker,
    dataset: Dataset,
    observers: Sequence[Observer],
    loop: Loop,
    seen: Seen,
    bank: FeatureBank | None = None,
    resume: Resume | None = None,
    saved: Mapping[str, Any] = MappingProxyType({}),
) -> None:
    """Stream a data set through a system and show it to the observers; memory does not grow with its length.

    A sample on which the system raises an error is noted and left out, unless it fails on every sample.

    Args:
        seen: notes the samples.
        resume: where the loop begins, and saves how far it is.
        saved: what is saved besides the loop's own parts, by name.

    Raises:
        SystemFailure: a tokenizer broke its contract on a sample that the message names, or its numbers would be
            meaningless.
    """
    parts = {"seen": seen, "maker": maker, **saved}
    start = resume.restore(parts, bank) if resume else 0
    for batches, done in steps(dataset, loop, maker.equal_lengths, seen, start):
        for batch in batches:
            for indices, samples, signal, made in attempted(*batch, dataset, loop, seen, maker):
                _show(observers, maker, loop, seen, bank, indices, samples, signal, made)
            loop.report("measuring", batch[0][-1] + 1, len(dataset))
        if resume:
            resume.after(done, parts, bank)


def _show(
    observers: Sequence[Observer],
    maker: Maker,
    loop: Loop,
    seen: Seen,
    bank: FeatureBank | None,
    indices: list[int],
    samples: list[Sample],
    signal: Any,
    made: Made,
) -> None:
    """Note the samples of a batch and show what was made of them to the observers."""
    seen.tokens = made.tokens.kind
    for position, sample in zip(indices, samples, strict=True):
        seen.note(position, sample)
    reference = loop.signals.finish(signal)
    reconstruction = None if made.output is None else loop.signals.finish(made.output)
    index = torch.tensor(indices)
    batch = Batch(
        index=index,
        group=torch.tensor([sample.group for sample in samples]),
        reference=reference,
        reconstruction=reconstruction,
        tokens=made.tokens,
        features=None if bank is None or reconstruction is None else bank.batch(index, reference, reconstruction),
        encode_seconds=made.encode_seconds,
        decode_seconds=made.decode_seconds,
        peak_bytes=made.peak_bytes,
        ids=tuple(sample.id for sample in samples),
        transcripts=tuple(sample.transcript for sample in samples),
        languages=tuple(sample.language for sample in samples),
        nominal_bitrate=maker.nominal_bitrate,
        timed=made.timed,
        rank=loop.ranks.rank,
    )
    show(observers, batch)


def survivors(
    dataset: Dataset,
    loop: Loop,
    equal_lengths: bool,
    seen: Seen,
    attempt: Callable[[Any, list[Sample], list[int]], T],
) -> Iterator[tuple[list[int], list[Sample], Any, T]]:
    """Batches with what an attempt made of them, as :func:`attempted` gives them."""
    for batches, _ in steps(dataset, loop, equal_lengths, seen):
        for batch in batches:
            yield from attempted(*batch, dataset, loop, seen, attempt)


def attempted(
    indices: list[int],
    samples: list[Sample],
    signal: Any,
    dataset: Dataset,
    loop: Loop,
    seen: Seen,
    attempt: Callable[[Any, list[Sample], list[int]], T],
) -> Iterator[tuple[list[int], list[Sample], Any, T]]:
    """A batch with what an attempt made of it: indices, samples, the signal and the result.

    A batch that raises an error is tried again sample by sample, so that only the failing samples are lost.

    Args:
        seen: where failed samples are noted; the caller notes the others.
        attempt: what the system does with the signal of a batch, its samples and their indices.
    """
    parts = [(indices, samples, signal)]
    while parts:
        part, members, together = parts.pop(0)
        try:
            made = attempt(together, members, part)
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
                parts = [
                    ([i], [sample], loop.signals.collate([sample], loop.device))
                    for i, sample in zip(part, members, strict=True)
                ]
                continue
            seen.failed[members[0].id] = summary_of(error)
            # Of several ranks the first has the samples that a single one begins with.
            hopeless = len(seen.failed) == min(HOPELESS, len(dataset) - len(seen.skipped))
            if hopeless and not seen.ids and loop.ranks.first:
                raise
            continue
        yield part, members, together, made
