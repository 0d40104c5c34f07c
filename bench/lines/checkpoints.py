"""Registry lines of published checkpoints, by the model class that reads them."""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from bench.registry import Entry


@dataclass(frozen=True)
class Family:
    """A model class whose checkpoints have lines of their own.

    Attributes:
        target: the class, ``module:Attribute``.
        source: paper and repository of the model.
        modality, tokens, extra, positional: see :class:`bench.registry.Entry`.
    """

    target: str
    source: str
    modality: str
    tokens: str = "discrete"
    extra: str | None = None
    positional: str | None = None

    def files(
        self, name: str, summary: str, license: str = "the checkpoint's", source: str = "", /, **args: Any
    ) -> Entry:
        """The line that reads a folder or file of the user's (``NAME=PATH``), of this class or one configuration of it.

        Args:
            license: by default that of the checkpoint that it is given.
            source: where it is not that of the family.
            args: arguments of the class that the line fixes.
        """
        return self._entry(name, f"{summary}; {name}=PATH", args, source or self.source, license, ())

    def checkpoint(
        self, name: str, hub: str, summary: str, license: str, source: str = "", /, file: str = "", **args: Any
    ) -> Entry:
        """The line of a checkpoint on the hub.

        Args:
            hub: ``OWNER/NAME[/SUBFOLDER]``.
            source: where it is not that of the family.
            file: the file of weights, where it has a name of its own.
            args: arguments of the class that the line fixes; ``beside`` names further parts of the checkpoint, see
                ``bench.tokenizers.checkpoint.parts_of``.
        """
        owner, model, *inside = hub.split("/", 2)
        repo = f"{owner}/{model}"
        first = ({"subfolder": inside[0]} if inside else {}) | ({"file": file} if file else {})
        parts = [first, *args.get("beside", ())]
        places = [
            "/".join(("hf:" + repo, *(part[key] for key in ("subfolder", "file") if key in part))) for part in parts
        ]
        source = f"{source or self.source}; huggingface.co/{repo}"
        return self._entry(name, summary, {"repo": repo} | first | args, source, license, tuple(places))

    def _entry(
        self, name: str, summary: str, args: dict[str, Any], source: str, license: str, weights: tuple[str, ...]
    ) -> Entry:
        return Entry(
            name,
            self.target,
            summary,
            args=args,
            positional=self.positional,
            modality=self.modality,
            tokens=self.tokens,
            source=source,
            license=license,
            weights=weights,
            extra=self.extra,
            local=True,
        )


def entries_of(package: ModuleType) -> tuple[Entry, ...]:
    """The lines of every family in a package, a module each with its ``ENTRIES``, in the order of their names."""
    names = sorted(module.name for module in pkgutil.iter_modules(package.__path__))
    return tuple(entry for name in names for entry in importlib.import_module(f"{package.__name__}.{name}").ENTRIES)
