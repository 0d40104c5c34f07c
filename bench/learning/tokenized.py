"""The tokens of a data set, batch by batch: the loop of tasks on tokens, which reconstruct nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

import torch

from bench.contracts.task import Job, Report
from bench.contracts.tokens import Tokens
from bench.datasets.base import Dataset, Sample
from bench.machine.watch import watched
from bench.measuring.copies import owned, show
from bench.measuring.loop import Loop, survivors
from bench.measuring.seen import Seen
from bench.measuring.trial import Trial, limits_of
from bench.metrics.base import Batch
from bench.metrics.guarded import MetricSet
from bench.modalities.signal import Signal, SystemFailure

if TYPE_CHECKING:
    from bench.backbones.pretrained.base import PretrainedBackbone
    from bench.tokenizers.base import Tokenizer

T = TypeVar("T")


class Tokenized:
    """A data set as its samples are encoded to tokens.

    Args:
        signals: how the modality handles its signals.
        metrics: metrics of tokens, updated with every batch.
        report: called with the progress.

    Attributes:
        seen: the samples that were measured or left out.
        indices: position of each measured sample in the data set.
        amounts: amount of signal of each measured sample, in what bits are divided by.
    """

    def __init__(
        self,
        job: Job,
        dataset: Dataset,
        signals: Signal,
        metrics: MetricSet,
        report: Report,
    ) -> None:
        self.job, self.dataset, self.signals, self.metrics, self.report = job, dataset, signals, metrics, report
        self.seen = Seen(doubts=list(dataset.remarks))
        self.indices: list[int] = []
        self.amounts: list[float] = []

    def stream(
        self,
        phase: str,
        system: Tokenizer | PretrainedBackbone,
        equal_lengths: bool,
        attempt: Callable[[Any, list[int]], tuple[Tokens, T]],
    ) -> Iterator[tuple[list[Sample], Tokens, T]]:
        """The samples of each batch, their tokens, and what else an attempt returned; samples that fail are left out.

        Args:
            phase: name of the phase, for the progress.
            system: the system that encodes, which is checked on the first batches.
            equal_lengths: whether a batch must have samples of one length.
            attempt: encodes signals, given their positions in the data set.

        Raises:
            BenchError: no sample was measured.
            SystemFailure: the tokens of a sample depend on the others of its batch.
        """
        job, device = self.job, torch.device(self.job.options.device)
        limits, seed = limits_of(job.protocol), job.protocol.seed
        loop = Loop(self.signals, device, job.options.batch_size, job.options.workers, seed, self.report)
        trial = Trial(system, system.encode, None, self.signals, limits, seed, self.seen.doubts)

        def once(signal: Any, samples: list[Sample], indices: list[int]) -> tuple[Tokens, T]:
            # Tensors made in inference mode could not be trained on.
            with torch.no_grad(), watched():
                tokens, made = attempt(owned(signal), indices)
                if tokens.batch_size != len(samples):
                    raise SystemFailure(f"{len(samples)} samples were encoded to tokens for {tokens.batch_size}")
                tokens = owned(tokens)
                trial(signal, samples, tokens)
            return tokens, made

        for indices, samples, signal, (tokens, made) in survivors(self.dataset, loop, equal_lengths, self.seen, once):
            yield samples, tokens, made
            self.seen.tokens = tokens.kind
            self.indices += indices
            self.amounts += self.signals.amounts(signal).tolist()
            for index, sample in zip(indices, samples, strict=True):
                self.seen.note(index, sample)
            group = torch.tensor([sample.group for sample in samples])
            show(self.metrics, Batch(torch.tensor(indices), group, signal, signal, tokens))
            self.report(phase, indices[-1] + 1, len(self.dataset))
        self.seen.require_samples(self.dataset)
