"""The one streaming loop: samples -> tokens -> reconstruction -> metrics."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import TYPE_CHECKING, Any

import torch

from bench.datasets.base import BadSample, Dataset, Sample
from bench.datasets.loader import ordered
from bench.memory import MemoryMeter
from bench.metrics.base import Batch, Metric
from bench.task import Report
from bench.tokenizers.base import Tokenizer
from bench.tokens import Tokens

if TYPE_CHECKING:
    from bench.features import FeatureBank


TIMINGS, TIMING_SECONDS = 7, 0.15
"""A batch is timed until either is reached, once at least."""


class SystemFailure(RuntimeError):
    """A system broke its contract: wrong shape, wrong codes, NaN. It fails the cell."""


@dataclass
class Seen:
    """What the loop saw: ids and groups of the measured samples, what happened to the others, the kind of tokens."""

    ids: list[str] = field(default_factory=list)
    groups: list[int] = field(default_factory=list)
    tokens: str = ""
    skipped: dict[str, str] = field(default_factory=dict)
    converted: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def note(self, sample: Sample) -> None:
        """Record a sample that is measured."""
        self.ids.append(sample.id)
        self.groups.append(sample.group)
        for conversion in sample.conversions:
            self.converted[conversion].append(sample.id)


@dataclass(frozen=True)
class Loop:
    """How to run the loop; nothing here may change a quality metric.

    Attributes:
        prepare: stored signals of a batch (uint8 images) to the float input of the system.
        finish: what the system gave back to what is scored: clamped and rounded as the protocol says.
    """

    device: torch.device
    batch_size: int
    workers: int
    seed: int
    prepare: Callable[[torch.Tensor], torch.Tensor]
    finish: Callable[[torch.Tensor], torch.Tensor]
    report: Report


def evaluate(
    tokenizer: Tokenizer,
    dataset: Dataset,
    metrics: Sequence[Metric],
    loop: Loop,
    meter: MemoryMeter,
    bank: FeatureBank | None = None,
) -> Seen:
    """Stream a dataset through a tokenizer and update the metrics; memory does not grow with its length.

    Raises:
        SystemFailure: the tokenizer broke its contract on a sample that the message names.
    """
    seen = Seen()
    for indices, samples in _batches(dataset, loop, seen):
        signal = loop.prepare(torch.stack([sample.signal for sample in samples])).to(loop.device)
        if not seen.tokens:  # the first call pays for lazy initialization; it is not timed
            _check_decoder(tokenizer, signal)
        meter.reset()
        tokens, output, encode_seconds, decode_seconds = _timed(tokenizer, signal, loop, indices[0])
        # Read before the metrics run, so that their memory is not the system's.
        peak = meter.peak()
        _check(tokenizer, tokens, output, signal, samples)
        seen.tokens = tokens.kind
        reference, reconstruction = loop.finish(signal), loop.finish(output.float())
        index = torch.tensor(indices)
        batch = Batch(
            index=index,
            group=torch.tensor([sample.group for sample in samples]),
            reference=reference,
            reconstruction=reconstruction,
            tokens=tokens,
            features=bank.batch(index, reference, reconstruction) if bank else None,
            encode_seconds=encode_seconds,
            decode_seconds=decode_seconds,
            peak_bytes=peak,
        )
        for metric in metrics:
            metric.update(batch)
        loop.report("measuring", indices[-1] + 1, len(dataset))
    return seen


def _batches(dataset: Dataset, loop: Loop, seen: Seen) -> Iterator[tuple[list[int], list[Sample]]]:
    """Batches of samples of one shape, in the dataset's order; unreadable samples are noted and left out."""
    indices: list[int] = []
    samples: list[Sample] = []
    for index, sample in ordered(dataset, loop.workers, prefetch=2 * loop.batch_size):
        if isinstance(sample, BadSample):
            seen.skipped[dataset.id(index)] = str(sample)
            continue
        seen.note(sample)
        if samples and sample.signal.shape != samples[0].signal.shape:
            yield indices, samples
            indices, samples = [], []
        indices.append(index)
        samples.append(sample)
        if len(samples) == loop.batch_size:
            yield indices, samples
            indices, samples = [], []
    if samples:
        yield indices, samples


def _timed(
    tokenizer: Tokenizer, signal: torch.Tensor, loop: Loop, first: int
) -> tuple[Tokens, torch.Tensor, float, float]:
    """Tokens and output of the first call, and the median seconds of encode and of decode.

    What takes milliseconds is repeated, because one reading of it is mostly the noise of the machine. Every
    call gets a copy: a tokenizer that normalizes in place must not change what it is compared with. The
    generators are seeded, so that what is random does not depend on how often it was timed.
    """
    begin = time.perf_counter()
    timings: list[tuple[float, float]] = []
    kept: tuple[Tokens, torch.Tensor] | None = None
    torch.manual_seed(loop.seed * 1_000_003 + first)
    with torch.inference_mode():
        while not timings or (len(timings) < TIMINGS and time.perf_counter() - begin < TIMING_SECONDS):
            copy = signal.clone()
            start = _now(loop.device)
            tokens = tokenizer.encode(copy)
            middle = _now(loop.device)
            output = tokenizer.decode(tokens)
            timings.append((middle - start, _now(loop.device) - middle))
            kept = kept or (tokens, output.to(loop.device, copy=True))
    encode, decode = (median(column) for column in zip(*timings, strict=True))
    assert kept is not None
    return *kept, encode, decode


def _check_decoder(tokenizer: Tokenizer, signal: torch.Tensor) -> None:
    """SystemFailure if the decoder knows more than the tokens: what was encoded last must not matter.

    A decoder that gives two different outputs for the same tokens is random, and cannot be judged so.
    """
    with torch.inference_mode():
        tokens = tokenizer.encode(signal.clone())
        one, two = (tokenizer.decode(tokens).clone() for _ in range(2))
        if one.shape != two.shape or not torch.equal(one, two):
            return
        tokenizer.encode(1 - signal)
        if not torch.allclose(one.float(), tokenizer.decode(tokens).float(), atol=1e-2, equal_nan=True):
            raise SystemFailure(
                "decode gives another output for the same tokens once something else was encoded: it depends "
                "on what encode kept, not on the tokens alone"
            )


def _now(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


def _check(
    tokenizer: Tokenizer, tokens: Tokens, output: torch.Tensor, signal: torch.Tensor, samples: list[Sample]
) -> None:
    tokens.check(tokenizer.codebooks)
    if tokens.batch_size != len(samples):
        raise SystemFailure(f"{len(samples)} samples were encoded to tokens of {tokens.batch_size}")
    if not output.is_floating_point():
        raise SystemFailure(f"decode gave {output.dtype}; images are floating-point numbers in [0, 1]")
    if output.shape != signal.shape:
        raise SystemFailure(f"input {tuple(signal.shape)} was decoded to {tuple(output.shape)}")
    finite = torch.isfinite(output).flatten(1).all(1)
    if not bool(finite.all()):
        names: list[Any] = [s.id for s, good in zip(samples, finite.tolist(), strict=True) if not good]
        raise SystemFailure(f"NaN or infinity in the reconstruction of {', '.join(names)}")
