"""Private copies of what a system returns and of what each metric is shown, which nothing else can write to.

A system may go on writing into a tensor that it returned, as one that reuses its buffers does, and a metric may
normalize its batch in place. Neither may change what is scored: the loops copy tokens and reconstructions as soon as
the system returns them, give it copies of the samples, and give every metric a batch of its own. So no number depends
on what is measured before or after it, and a view of the same memory in numpy or in another thread writes to a copy
that is never read. Tokens are copied to plain ``Tokens`` before they are decoded: the decoder sees what is counted.

This does not defend against code that means to deceive. Systems and metrics run in the bench's own process, so one that
patches torch or the bench itself, or that looks for the copies in the interpreter's memory, can change anything.
Measure systems that you do not trust in a container, and read their code before you believe their numbers. The features
of a reference set, which are too large to copy, are shared by the metrics of generated images.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields, is_dataclass, replace
from typing import Any, Protocol

import torch

from bench.metrics.base import Batch


class Observer(Protocol):
    """Something that is shown every batch, such as a metric, or what keeps samples."""

    def update(self, batch: Batch) -> None:
        """Take in a batch."""


def owned(value: Any) -> Any:
    """A copy that shares no memory with the original, for tensors, tuples or lists of them, ``Tokens`` and ``Audio``.

    Lists become tuples, and instances of subclasses of the bench's dataclasses become instances of these, without what
    the subclasses add. Other values are returned as they are.
    """
    if isinstance(value, torch.Tensor):
        return value.detach().clone()
    if isinstance(value, tuple | list):
        return tuple(map(owned, value))
    if isinstance(value, bytearray):
        return bytes(value)
    # Not by name, since images should not import the classes of audio.
    for kind in type(value).__mro__:
        if is_dataclass(kind) and kind.__module__.startswith("bench."):
            return kind(**{field.name: owned(getattr(value, field.name)) for field in fields(kind)})
    return value


def show(observers: Iterable[Observer], batch: Batch) -> None:
    """Update every observer with its own copy of a batch; features, which all share, are restored after each."""
    for observer in observers:
        observer.update(
            replace(
                batch,
                index=owned(batch.index),
                group=owned(batch.group),
                reference=owned(batch.reference),
                reconstruction=owned(batch.reconstruction),
                tokens=owned(batch.tokens),
            )
        )
        if batch.features is not None:
            batch.features.restore()
