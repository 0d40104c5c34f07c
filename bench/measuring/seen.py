"""The samples of a data set that a loop measured, left out and converted, and doubts about their numbers."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import torch

from bench.datasets.base import DOUBTFUL, Dataset, Sample
from bench.errors import BenchError

NAMED = 3
"""The most samples that a warning names; it counts the others."""


def content(signal: torch.Tensor) -> bytes:
    """A hash (16 bytes) of the dtype, shape and values of a sample; equal samples have equal hashes."""
    values = signal.detach().cpu().contiguous()
    hasher = hashlib.blake2b(f"{values.dtype} {tuple(values.shape)}".encode(), digest_size=16)
    hasher.update(values.numpy().data)
    return hasher.digest()


@dataclass
class Repeats:
    """Samples that repeat an earlier one in every value.

    Repeated samples add no information, so they are not independent: a repeated sample belongs to the group of the
    first, and intervals are as wide as without it.

    Attributes:
        first: id and group of the first sample with some content, by the hash of the content.
        of: id of the first sample, by the id of each that repeats it.
    """

    first: dict[bytes, tuple[str, int]] = field(default_factory=dict)
    of: dict[str, str] = field(default_factory=dict)

    def group(self, name: str, group: int, key: bytes) -> int:
        """The group that a sample counts in: its own, or that of an equal sample before it.

        Args:
            name: id of the sample.
            group: its own group.
            key: hash of its content.
        """
        first, first_group = self.first.setdefault(key, (name, group))
        if first != name:
            self.of[name] = first
        return first_group

    def warning(self, n: int) -> str:
        """A sentence on the repeated samples among the ``n`` measured ones; empty if there are none."""
        if not self.of:
            return ""
        pairs = listed([f"{name} = {first}" for name, first in self.of.items()])
        return f"{len(self.of)} of {n} samples repeat others exactly, and count as one group with them: {pairs}"


@dataclass
class Seen:
    """What the loop saw of a data set.

    Attributes:
        ids: ids of the measured samples.
        groups: groups of the measured samples.
        tokens: kind of their tokens.
        skipped: why samples could not be read, by id.
        failed: the error that the system raised on samples, by id.
        converted: ids of the samples to which a conversion was applied, by conversion.
        stored: how many samples were stored in each form.
        repeats: samples that are equal.
        doubts: remarks on the data, and what is wrong with the system as far as its first batches show.
    """

    ids: list[str] = field(default_factory=list)
    groups: list[int] = field(default_factory=list)
    tokens: str = ""
    skipped: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    converted: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    stored: Counter[str] = field(default_factory=Counter)
    repeats: Repeats = field(default_factory=Repeats)
    doubts: list[str] = field(default_factory=list)

    def read(self, sample: Sample) -> Sample:
        """The sample as it is measured: in the group of an equal sample before it, if there is one."""
        group = self.repeats.group(sample.id, sample.group, content(sample.signal))
        return sample if group == sample.group else replace(sample, group=group)

    def note(self, sample: Sample) -> None:
        """Note a sample as measured."""
        self.ids.append(sample.id)
        self.groups.append(sample.group)
        if sample.stored:
            self.stored[sample.stored] += 1
        for conversion in sample.conversions:
            self.converted[conversion].append(sample.id)

    def warnings(self) -> list[str]:
        """What makes the numbers doubtful although they could be measured, one sentence each."""
        n = len(self.ids)
        sentences = [*self.doubts, self.repeats.warning(n)]
        for conversion, sentence in DOUBTFUL.items():
            if names := self.converted.get(conversion):
                sentences.append(f"{len(names)} of {n} clips {sentence}: {listed(names)}")
        return list(dict.fromkeys(filter(None, sentences)))

    def require_samples(self, dataset: Dataset) -> None:
        """BenchError if no sample was measured."""
        if not self.ids:
            name, reason = next(iter((self.failed | self.skipped).items()), ("", "the data set is empty"))
            why = f"{name}: {reason}" if name else reason
            raise BenchError(f"none of the {len(dataset)} samples of {dataset.name} was measured: {why}")


def listed(names: Sequence[str] | Iterable[str]) -> str:
    """The first ``NAMED`` names, and how many more there are, as text."""
    names = list(names)
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f"{', '.join(names[:NAMED])}{more}"
