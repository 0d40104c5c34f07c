"""The contract between the site and a modality: how kept samples are shown."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar


@dataclass(frozen=True)
class Side:
    """What a template gets of one file of a kept sample, beside its address ``file`` and its ``name``.

    Attributes:
        facts: values by name, such as ``width``.
        files: files made for the page, by the name under which the template has their address: the ending of the file's
            name, such as ``-spectrogram.png``, and its content.
    """

    facts: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, tuple[str, bytes]] = field(default_factory=dict)


class View(ABC):
    """Shows the kept samples of a modality, whose face names the class.

    The template defines two Jinja macros. The original and a reconstruction are mappings with ``file``, ``name`` and
    what ``side`` returns; addresses are relative to ``root``, the way to the root of the site:

        {% macro pair(id, original, reconstruction, name, root) %}
            one sample with what the system called ``name`` made of it
        {% macro gallery(id, original, systems, root) %}
            one sample with what all systems made of it; each of ``systems`` has ``name``, ``href`` of its page,
            ``value`` of the metric that orders the gallery, as text or empty, and its ``reconstruction``

    Pages load files of the site alone, and neither scripts nor styles within a page.

    Attributes:
        suffixes: suffixes of the files that it shows. Samples with another suffix are offered as links, under a
            name that browsers neither show nor run.
        template: the file with the macros, relative to that of the class.
    """

    suffixes: ClassVar[tuple[str, ...]]
    template: ClassVar[str] = "view.html"

    @abstractmethod
    def side(self, data: bytes) -> Side:
        """What the template gets of a file with this content.

        Raises:
            BenchError: the content is not what the suffix says; the message says in what way.
        """
