"""The face of a modality: what the bench has to know of a kind of signal before it imports anything heavy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Modality:
    """A kind of signal, as a folder (or an installed package) offers it.

    The registry imports the module of a face to list names, so it must import nothing heavy: whatever computes is
    named as ``module:Attribute`` and loaded when it is needed.

    Attributes:
        name: what lines of other kinds call it, such as ``image``.
        lines: registry lines by kind (``tokenizers``, ``datasets``, ...), each ``module:ATTRIBUTE`` of a tuple of
            :class:`bench.registry.Entry`; the module is imported when the kind is listed.
    """

    name: str
    lines: Mapping[str, str] = field(default_factory=dict)
