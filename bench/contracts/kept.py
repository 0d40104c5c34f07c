"""A sample that a cell keeps for people to look at or listen to; no number depends on it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Kept:
    """One sample as it was scored, on both sides, encoded as a file.

    Attributes:
        index: position in the data set.
        suffix: of the files, such as ``.png``.
    """

    index: int
    id: str
    suffix: str
    original: bytes
    reconstruction: bytes
