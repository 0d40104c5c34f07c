"""Packages whose parts are imported without the rest: what a package's own ``__init__`` imports may take seconds."""

from __future__ import annotations

import importlib.util
import sys
from types import ModuleType
from typing import Any


class _Deferred(ModuleType):
    """A package whose ``__init__`` runs when something is asked of it that is not there yet."""

    def __getattr__(self, name: str) -> Any:
        spec = self.__spec__
        if name.startswith("__") or spec is None or spec.loader is None:
            raise AttributeError(name)
        self.__class__ = ModuleType  # type: ignore[assignment]
        spec.loader.exec_module(self)
        return getattr(self, name)


def defer(package: str, **present: Any) -> None:
    """Let the modules of a package be imported without its ``__init__``, which runs when something of it is needed.

    Does nothing if the package has been imported, or is not installed.

    Args:
        package: name of the package.
        present: names that its modules need of it while they are imported.
    """
    spec = importlib.util.find_spec(package) if package not in sys.modules else None
    if spec is None:
        return
    module = _Deferred(package)
    vars(module).update(importlib.util.module_from_spec(spec).__dict__, **present)
    sys.modules[package] = module
