"""A sample that a cell keeps for people to look at or listen to; no number depends on it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Kept:
    """One sample as it was scored, its original and its reconstruction encoded as files.

    Attributes:
        index: position in the data set.
        id: id of the sample in the data set.
        suffix: suffix of the files, such as ``.png``.
        original: content of the original's file.
        reconstruction: content of the reconstruction's file.
    """

    index: int
    id: str
    suffix: str
    original: bytes
    reconstruction: bytes
