"""Samples that are images of the reference, whose small distances say nothing about a generator."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from bench.datasets.base import Limited
from bench.errors import BenchError
from bench.measuring.seen import content
from bench.modalities.image.datasets.images import ImageDataset
from bench.modalities.image.generation.judging import Seen, size_of
from bench.modalities.image.generation.sources import DatasetSource, ImageSource

SAID = "the distances to it say nothing"

STEP = 8
"""Images compared at a time; the comparison ends at the first that differ."""


def shared_images(samples: ImageSource, reference: ImageSource | None) -> str:
    """A warning if samples are images of the reference; empty otherwise.

    They are if the contents of both are the same, if one image after the other has the same pixels however they
    are stored, or if files of both folders are the same.

    Args:
        samples, reference: sources opened for this comparison, since both are read.
    """
    if reference is None:
        return ""
    if samples.fingerprint == reference.fingerprint or _same_pixels(samples, reference):
        return f"the samples are the reference itself, or its first images: {SAID}"
    hashes, reference_hashes = _hashes(samples), set(_hashes(reference))
    if shared := sum(sha256 in reference_hashes for sha256 in hashes):
        return f"{shared} of {len(hashes)} samples are files of the reference: {SAID} of those, and are too small"
    return ""


def _same_pixels(samples: ImageSource, reference: ImageSource) -> bool:
    """Whether the samples are the first images of the reference, pixel by pixel."""
    if not 0 < len(samples) <= len(reference):
        return False
    reference_images = _each(reference)
    try:
        return all(torch.equal(image, next(reference_images)) for image in _each(samples))
    except (BenchError, StopIteration):  # unreadable images are reported where they are measured
        return False


def shared_pixels(seen: Seen, reference: ImageSource | None, workers: int) -> str:
    """A warning if samples equal images of the reference in any order, pixel by pixel; empty otherwise.

    Args:
        seen: the judged samples.
        reference: a source opened for this comparison; it is read to its end if its images have the samples' size.
    """
    if reference is None:
        return ""
    n, left, shared, total = len(seen.indices), set(seen.repeats.first), 0, 0
    for _, images in reference.batches(STEP, workers):
        if size_of(images) != seen.size:
            return ""
        total += len(images)
        keys = {content(image) for image in images}
        shared += len(left & keys)
        left -= keys
    if not shared:
        return ""
    if shared == n == total:
        return f"the samples are the reference itself in another order: {SAID}"
    return f"{shared} of {n} samples are images of the reference, pixel by pixel: {SAID} of those, and are too small"


def _each(source: ImageSource) -> Iterator[torch.Tensor]:
    for _, images in source.batches(STEP, 0):
        yield from images


def _hashes(source: ImageSource) -> list[str]:
    """sha256 of each readable file of a folder or dataset."""
    dataset = source.dataset if isinstance(source, DatasetSource) else None
    if isinstance(dataset, Limited):
        dataset = dataset.whole
    if not isinstance(dataset, ImageDataset):
        return []
    hashes = dataset.hashes[: len(source)] if dataset.preprocessing.crop != "tiles" else dataset.hashes
    return [sha256 for sha256 in hashes if sha256]
