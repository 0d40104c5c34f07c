"""Former names of modules: importing one gives the module under its present name, and a warning.

Only what users' own systems, metrics, data sets and recognizers import is here. A name lives for one minor version
after the one in which it was replaced.
"""

from __future__ import annotations

import importlib
import sys
import warnings
from collections.abc import Mapping, Sequence
from importlib.machinery import ModuleSpec
from types import MappingProxyType, ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from importlib.abc import Loader
else:
    Loader = object  # importing importlib.abc takes longer than all the rest of this

GONE_IN = "0.3"
"""The version in which the old names are removed."""
MODULES: Mapping[str, str] = MappingProxyType(
    {
        "bench.audio": "bench.modalities.audio.batch",
        "bench.backbones.published.base": "bench.backbones.pretrained.base",
        "bench.backbones.published.files": "bench.backbones.pretrained.files",
        "bench.canonical": "bench.machine.canonical",
        "bench.datasets.audio": "bench.modalities.audio.datasets.audio",
        "bench.datasets.images": "bench.modalities.image.datasets.images",
        "bench.metrics.clips": "bench.modalities.audio.metrics.clips",
        "bench.metrics.pairs": "bench.modalities.image.metrics.pairs",
        "bench.metrics.signal_pairs": "bench.modalities.audio.metrics.signal_pairs",
        "bench.protocol": "bench.contracts.protocol",
        "bench.recognisers.base": "bench.modalities.audio.recognizers.base",
        "bench.results": "bench.contracts.results",
        "bench.settings": "bench.contracts.settings",
        "bench.stats": "bench.contracts.stats",
        "bench.suite": "bench.contracts.suite",
        "bench.system": "bench.contracts.system",
        "bench.task": "bench.contracts.task",
        "bench.tokenizers.audio": "bench.modalities.audio.tokenizers.base",
        "bench.tokenizers.published": "bench.tokenizers.pretrained",
        "bench.tokenizers.published_audio": "bench.modalities.audio.tokenizers.pretrained",
        "bench.tokens": "bench.contracts.tokens",
        "bench.weights": "bench.machine.weights",
    }
)
"""Old name -> new name."""
ATTRIBUTES: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "bench.backbones.published.base": MappingProxyType({"PublishedBackbone": "PretrainedBackbone"}),
        "bench.recognisers.base": MappingProxyType({"Recogniser": "Recognizer"}),
        "bench.tokenizers.published": MappingProxyType({"PublishedTokenizer": "PretrainedTokenizer"}),
        "bench.tokenizers.published_audio": MappingProxyType({"PublishedAudioTokenizer": "PretrainedAudioTokenizer"}),
    }
)
"""Old name of a module -> old name of an attribute -> new name."""
_FOLDERS = frozenset(name.rpartition(".")[0] for name in MODULES)


class RenamedImport(DeprecationWarning):
    """A module was imported under an old name."""


class _Renamed(Loader):
    """Finds old names that no file has: a module becomes the new one, a former folder an empty package."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname not in MODULES and fullname not in _FOLDERS:
            return None
        return ModuleSpec(fullname, self, is_package=fullname in _FOLDERS)

    def create_module(self, spec: ModuleSpec) -> None:
        """An empty module, as the import system makes it."""

    def exec_module(self, module: ModuleType) -> None:
        old = module.__name__
        if (new := MODULES.get(old)) is None:
            return
        message = f"{old} is now {new}; the old name is removed in version {GONE_IN}"
        warnings.warn(message, RenamedImport, stacklevel=2)  # frames of the import system do not count
        module = importlib.import_module(new)
        for before, now in ATTRIBUTES.get(old, {}).items():
            setattr(module, before, getattr(module, now))
        sys.modules[old] = module  # the import system returns what it finds here: one module under two names


def install() -> None:
    """Allow importing old names; this imports nothing itself."""
    sys.meta_path.append(_Renamed())


def show() -> None:
    """Show the warnings, which Python ignores outside ``__main__``, unless the user chose which ones to show."""
    if not sys.warnoptions:
        warnings.simplefilter("default", RenamedImport)
