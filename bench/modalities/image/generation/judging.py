"""The one loop over generated images: samples -> features -> metrics, against one reference set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

import torch

from bench.contracts.task import Place, Report
from bench.contracts.tokens import Tokens
from bench.errors import BenchError, Unavailable
from bench.machine.ranks import ALONE, HandedOver
from bench.machine.resume import Part
from bench.measuring.copies import show
from bench.measuring.extractor_run import ExtractorRun, Features
from bench.measuring.features import FeatureBank, Guard
from bench.measuring.seen import Repeats, content
from bench.metrics.base import Batch, FeatureSource, Metric
from bench.metrics.guarded import MetricSet
from bench.metrics.sets.base import SetMetric
from bench.modalities.image.generation.references import Reference, ReferenceFeatures
from bench.modalities.image.generation.sources import ImageSource


@dataclass
class Seen:
    """A set of samples after it was judged: which were read, their size, and which are equal."""

    indices: list[int] = field(default_factory=list)
    size: str = ""
    repeats: Repeats = field(default_factory=Repeats)

    def state(self) -> dict[str, Any]:
        """What :meth:`restore` needs to go on from here."""
        repeats = {"first": dict(self.repeats.first), "of": dict(self.repeats.of)}
        return {"indices": list(self.indices), "size": self.size, "repeats": repeats}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on where another process was."""
        self.indices, self.size = state["indices"], state["size"]
        self.repeats = Repeats(**state["repeats"])


class Judge:
    """Compares sets of samples with one reference, whose features are computed once.

    Args:
        preprocessing: preprocessing of the reference's images, part of the key of its cached features.
        weights: verified file of each weights name, or the reason why there is none; ``sha256`` has their hashes.
        batch_size, workers: how images are read.
        place: where the cell is measured; None as if alone, and without being saved.
    """

    def __init__(
        self,
        reference: Reference,
        preprocessing: Any,
        weights: Mapping[str, Path | Unavailable],
        sha256: Mapping[str, str],
        device: torch.device,
        batch_size: int,
        workers: int,
        report: Report,
        place: Place | None = None,
    ) -> None:
        self.ranks = place.ranks if place else ALONE
        self.resume = place.resume if place else None
        folder = self.resume.rows if self.resume else None
        present = {name: file for name, file in weights.items() if isinstance(file, Path)}
        images = len(reference.source) if reference.source else 0
        key = {"images": reference.fingerprint, "preprocessing": preprocessing} if images else None
        self.reference, self.device, self.batch_size, self.workers = reference, device, batch_size, workers
        self.report = report
        self.bank = FeatureBank(present, sha256, device, key, images, folder, self.ranks)
        self.features = ReferenceFeatures(reference, self.bank.run, batch_size, workers, report)

    def prepare(self, metrics: MetricSet) -> None:
        """Compute the reference's features, so that its problems are reported before hours of sampling."""
        if self.reference.source is None or not self.ranks.first:
            return
        for metric in metrics:
            metric.attempt("prepare", self._prepare)

    def _prepare(self, metric: Metric) -> None:
        if isinstance(metric, SetMetric):
            metric.prepare(self.features)

    def judge(self, source: ImageSource, metrics: MetricSet) -> Seen:
        """Update the metrics with all samples of a source.

        Raises:
            HandedOver: this is not the first of the processes that measure the cell together, which has everything now.
        """
        seen, ranks = Seen(), self.ranks
        parts: dict[str, Part] = {"seen": seen, "source": source, "metrics": metrics}
        done = self.resume.restore(parts, self.bank) if self.resume else 0
        rounds = -(-len(source) // (source.block(self.batch_size) * ranks.size))
        found = source.batches(self.batch_size, self.workers, done * ranks.size + ranks.rank, ranks.size)
        for number in range(done, rounds):
            index, images = next(found, (torch.zeros(0, dtype=torch.int64), torch.zeros(0, 3, 0, 0)))
            group = self._groups(source, index.tolist(), images, seen.repeats)
            if len(index):
                show(metrics, self._batch(index, torch.tensor(group), images.to(self.device), len(source)))
                seen.indices += index.tolist()
                seen.size = size_of(images)
                self.report("measuring", seen.indices[-1] + 1, len(source))
            if self.resume:
                self.resume.after(number + 1, parts, self.bank)
        seen.indices = sorted(chain(*ranks.exchange(seen.indices)))
        sizes = sorted({*filter(None, ranks.exchange(seen.size))})
        if len(sizes) > 1:
            raise BenchError(f"{source.name}: images of different sizes: {', '.join(sizes)}; give images of one size")
        seen.size = "".join(sizes)
        source.reduce(ranks)
        metrics.reduce(ranks)
        if not ranks.first:
            raise HandedOver
        return seen

    def _groups(self, source: ImageSource, indices: list[int], images: torch.Tensor, repeats: Repeats) -> list[int]:
        """The group of each image, given what all ranks have read so far."""
        own = [(index, content(image)) for index, image in zip(indices, images, strict=True)]
        everything = sorted(chain(*self.ranks.exchange(own)))
        group = {index: repeats.group(source.id(index), index, key) for index, key in everything}
        return [group[index] for index in indices]

    def _batch(self, index: torch.Tensor, group: torch.Tensor, images: torch.Tensor, total: int) -> Batch:
        return Batch(
            index=index,
            group=group,
            reference=None,
            reconstruction=images,
            tokens=Tokens(payload=(b"",) * len(index)),  # the metrics of samples do not use tokens
            features=_SampleFeatures(images, self.bank),
            references=self.features,
            total=total,
        )


def size_of(images: torch.Tensor) -> str:
    """Width and height of a batch of images as text, such as ``256x256``."""
    return f"{images.shape[3]}x{images.shape[2]}"


class _SampleFeatures(FeatureSource):
    """Features of a batch of samples, computed on first use; a batch has no features of references."""

    def __init__(self, images: torch.Tensor, bank: FeatureBank) -> None:
        self.images, self.bank = images, bank
        self._found: dict[str, Features] = {}
        self._guard = Guard()

    def get(self, extractor: str) -> tuple[Features, Features]:
        if extractor not in self._found:
            run: ExtractorRun = self.bank.run(extractor)
            self._found[extractor] = run.one_side(self.images)
            self._guard.watch([self._found[extractor]])
        return {}, dict(self._found[extractor])

    def keep(self, name: str, rows: torch.Tensor) -> torch.Tensor:
        return self.bank.keep(name, rows)

    def restore(self) -> None:
        self._guard.restore()
