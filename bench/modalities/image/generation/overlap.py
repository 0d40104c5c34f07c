"""Samples that are the reference's own images: distances are then small, and say nothing of what generated them."""

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
"""Images that are compared at a time; the first few end it, unless they are the same."""


def shared_images(samples: ImageSource, reference: ImageSource | None) -> str:
    """A sentence if samples are images of the reference, else nothing.

    They are if the contents of both are the same, if one image after the other has the same pixels however they
    are stored, or if files of both folders are the same.

    Args:
        samples, reference: opened for this, since both are read.
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
    """Whether the samples are as many first images of the reference, pixel by pixel."""
    if not 0 < len(samples) <= len(reference):
        return False
    reference_images = _each(reference)
    try:
        return all(torch.equal(image, next(reference_images)) for image in _each(samples))
    except (BenchError, StopIteration):  # what cannot be read is told by whoever measures it
        return False


def shared_pixels(seen: Seen, reference: ImageSource | None, workers: int) -> str:
    """A sentence if samples are images of the reference in any order, pixel by pixel, else nothing.

    Args:
        seen: what came of the samples.
        reference: opened for this, since it is read; to its end if its images are of the samples' size.
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
    """Of the files of a folder or data set."""
    dataset = source.dataset if isinstance(source, DatasetSource) else None
    if isinstance(dataset, Limited):
        dataset = dataset.whole
    if not isinstance(dataset, ImageDataset):
        return []
    hashes = dataset.hashes[: len(source)] if dataset.preprocessing.crop != "tiles" else dataset.hashes
    return [sha256 for sha256 in hashes if sha256]
