"""The samples of a data set that a loop measured, left out and converted, and doubts about their numbers."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch

from bench.datasets.base import DOUBTFUL, Dataset, Sample
from bench.errors import BenchError

if TYPE_CHECKING:
    from bench.machine.ranks import Ranks

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
        indices: positions of the measured samples in the data set.
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

    indices: list[int] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    groups: list[int] = field(default_factory=list)
    tokens: str = ""
    skipped: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    converted: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    stored: Counter[str] = field(default_factory=Counter)
    repeats: Repeats = field(default_factory=Repeats)
    doubts: list[str] = field(default_factory=list)

    def note(self, index: int, sample: Sample) -> None:
        """Note a sample at a position as measured."""
        self.indices.append(index)
        self.ids.append(sample.id)
        self.groups.append(sample.group)
        if sample.stored:
            self.stored[sample.stored] += 1
        for conversion in sample.conversions:
            self.converted[conversion].append(sample.id)

    def state(self) -> dict[str, Any]:
        """What :meth:`restore` needs to go on from here."""
        repeats = {"first": dict(self.repeats.first), "of": dict(self.repeats.of)}
        state = {**vars(self), "repeats": repeats, "converted": dict(self.converted), "stored": dict(self.stored)}
        return {name: list(value) if isinstance(value, list) else value for name, value in state.items()}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on where another process was."""
        self.indices, self.ids, self.groups, self.tokens = (
            state[name] for name in ("indices", "ids", "groups", "tokens")
        )
        self.skipped, self.failed = state["skipped"], state["failed"]
        self.converted, self.stored = defaultdict(list, state["converted"]), Counter(state["stored"])
        self.repeats = Repeats(**state["repeats"])
        self.doubts[:] = state["doubts"]  # others hold this list

    def reduce(self, ranks: Ranks) -> None:
        """Bring what all ranks saw together, in the order of the data set; their repeats are known to all."""
        if ranks.size == 1:
            return
        others: list[Seen] = ranks.exchange(self)
        places = ((rank, place) for rank, seen in enumerate(others) for place in range(len(seen.ids)))
        order = sorted((others[rank].indices[place], rank, place) for rank, place in places)
        merged = Seen(repeats=self.repeats)
        merged.indices = [index for index, _, _ in order]
        merged.ids = [others[rank].ids[place] for _, rank, place in order]
        merged.groups = [others[rank].groups[place] for _, rank, place in order]
        merged.tokens = next((seen.tokens for seen in others if seen.tokens), "")
        place_of = {name: place for place, name in enumerate(merged.ids)}
        for seen in others:
            merged.skipped |= seen.skipped
            merged.failed |= seen.failed
            merged.stored += seen.stored
            for conversion, names in seen.converted.items():
                merged.converted[conversion] += names
        for names in merged.converted.values():
            names.sort(key=place_of.__getitem__)
        # A doubt about the system that all ranks have names another sample on each.
        merged.doubts = next((seen.doubts for seen in others if seen.ids), self.doubts)
        self.restore(merged.state())

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
