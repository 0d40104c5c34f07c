"""Packages that are imported when they are used: what one imports on the way to a single class may take seconds.

There are two ways, and both end in the plain import as soon as something is used that is not there:

- :func:`defer`: the modules of a package are imported without its ``__init__``.
- :func:`postponed`: while other modules are imported, whole packages are stood in for.
"""

from __future__ import annotations

import importlib.util
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib import metadata
from importlib.abc import Loader
from importlib.machinery import ModuleSpec, PathFinder
from threading import RLock
from types import ModuleType
from typing import Any

_locks: defaultdict[str, RLock] = defaultdict(RLock)
_running: set[str] = set()
"""Modules whose code is running at the moment, in the thread that holds their lock."""
_postponing: list[str] = []
"""Packages that are stood in for at the moment."""
_actions: dict[str, list[Callable[[ModuleType], None]]] = {}


class Deferred(ModuleType):
    """A module whose code runs when something is asked of it that is not there yet."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name != "__version__":
            raise AttributeError(name)  # the import system asks any module for such names
        loaded = _run(self)
        if loaded is self and isinstance(self, Deferred):
            raise AttributeError(name)  # its own code asks before the name is there
        return getattr(loaded, name)


class _Whole(Deferred):
    """A deferred package none of whose modules is imported before its own code has run."""


class _Postponed(_Whole):
    """A module of a package that is stood in for; while it is, it gives a :class:`Later` for every name."""

    def __getattr__(self, name: str) -> Any:
        if not _is_stood_in_for(self.__name__):
            return super().__getattr__(name)
        if name == "__version__":
            with suppress(metadata.PackageNotFoundError):
                return metadata.version(self.__name__)
        return super().__getattr__(name) if name.startswith("__") else Later(self.__name__, name)


class _Replaced(ModuleType):
    """A module whose code put another object into its place, as lazy packages do."""

    def __getattr__(self, name: str) -> Any:
        return getattr(sys.modules[self.__name__], name)


def _run(module: ModuleType) -> ModuleType:
    """Run the code of a deferred module in place, after that of the package that it lies in; other threads wait.

    Returns:
        What is in its place then; the module as far as it is where its own code asks.
    """
    name = module.__name__
    parent = sys.modules.get(name.rpartition(".")[0])
    if isinstance(parent, _Whole):
        _run(parent)
    with _locks[name]:
        if isinstance(module, Deferred) and name not in _running and module.__spec__ is not None:
            assert module.__spec__.loader is not None
            _running.add(name)
            try:
                with _imported(name):
                    module.__spec__.loader.exec_module(module)
            finally:
                _running.discard(name)
            module.__class__ = ModuleType if sys.modules.get(name) is module else _Replaced  # type: ignore[assignment]
            for action in _actions.pop(name, ()):
                action(module)
    return sys.modules[name]


def defer(package: str, present: Mapping[str, Any] | None = None, whole: bool = False) -> None:
    """Let the modules of a package be imported without its ``__init__``, which runs when something of it is needed.

    Does nothing if the package has been imported, or is not installed.

    Args:
        package: name of the package, or of a module.
        present: names that its modules need of it while they are imported, or that others import from it.
        whole: whether its modules are not imported without its ``__init__`` either.
    """
    spec = _find(package) if package not in sys.modules else None
    if spec is None:
        return
    _watch_imports()
    module = (_Whole if whole else Deferred)(package)
    vars(module).update(importlib.util.module_from_spec(spec).__dict__, **(present or {}))
    sys.modules[package] = module
    parent, _, last = package.rpartition(".")
    if parent in sys.modules:
        setattr(sys.modules[parent], last, module)


def _find(name: str) -> ModuleSpec | None:
    """Where a module is, found without importing the package that it lies in."""
    parent = name.rpartition(".")[0]
    if not parent or parent in sys.modules:
        return importlib.util.find_spec(name)
    package = _find(parent)
    return PathFinder.find_spec(name, package.submodule_search_locations) if package else None


def when_loaded(module: str, action: Callable[[ModuleType], None]) -> None:
    """Call a function with a deferred module right after its code has run."""
    _actions.setdefault(module, []).append(action)


class Later:
    """A name of a module that was stood in for; the module is imported when the name is used.

    A base class, a decorator and what is asked for an attribute are used at once. An annotation is not, nor what
    ``isinstance`` is asked about: of a class of a module that was never imported there are no instances.
    """

    def __init__(self, module: str, name: str) -> None:
        self.__dict__["_place"] = (module, name)

    def _real(self) -> Any:
        place, name = self._place
        with _imported(place):
            module = importlib.import_module(place)
        return getattr(_run(module) if isinstance(module, Deferred) else module, name)

    def _is_loaded(self) -> bool:
        return not isinstance(sys.modules.get(self._place[0]), Deferred)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self._real(), name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._real(), name, value)

    def __call__(self, *args: Any, **keywords: Any) -> Any:
        return self._real()(*args, **keywords)

    def __getitem__(self, item: Any) -> Any:
        return self._real()[item]

    def __contains__(self, item: Any) -> bool:
        return item in self._real()

    def __iter__(self) -> Iterator[Any]:
        return iter(self._real())

    def __len__(self) -> int:
        return len(self._real())

    def __bool__(self) -> bool:
        return bool(self._real())

    def __eq__(self, other: object) -> bool:
        return bool(self._real() == (other._real() if isinstance(other, Later) else other))

    def __hash__(self) -> int:
        return hash(self._real())

    def __mro_entries__(self, bases: tuple[Any, ...]) -> tuple[Any, ...]:
        return (self._real(),)

    def __or__(self, other: Any) -> Any:
        return Any

    __ror__ = __or__

    def __instancecheck__(self, value: Any) -> bool:
        return self._is_loaded() and isinstance(value, self._real())

    def __subclasscheck__(self, kind: Any) -> bool:
        return self._is_loaded() and issubclass(kind, self._real())


class _Standing(Loader):
    """The loader of a module that is only stood in for."""

    def __init__(self, real: Any) -> None:
        self.real = real

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return _Postponed(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """Leave the module as it is, with the loader by which its code will run."""
        assert module.__spec__ is not None
        module.__spec__.loader = module.__loader__ = self.real


class _Present(Loader):
    """The loader of a module that is there already, since its package imported it."""

    def __init__(self, module: ModuleType) -> None:
        self.module, self.spec = module, module.__spec__

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return self.module

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self.spec


class _Finder:
    """Finds the modules of deferred packages before others do."""

    @staticmethod
    def find_spec(name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if _is_stood_in_for(name):
            spec = PathFinder.find_spec(name, path, target)
            if spec is not None and spec.loader is not None:
                spec.loader = _Standing(spec.loader)
                return spec
            return None
        package = sys.modules.get(name.rpartition(".")[0])
        if not isinstance(package, _Whole):
            return None
        _run(package)
        if name not in sys.modules:
            return None
        return ModuleSpec(name, _Present(sys.modules[name]))


def _watch_imports() -> None:
    if _Finder not in sys.meta_path:
        sys.meta_path.insert(0, _Finder)


def _is_stood_in_for(name: str) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in _postponing)


@contextmanager
def postponed(packages: Sequence[str]) -> Iterator[None]:
    """A context in which packages that have not been imported are stood in for.

    What is imported in it may take names of them (:class:`Later`). They are imported when such a name is used, or
    when something is asked of them after the context. A package that has been imported, or is not installed, is left
    as it is. If something fails in the context, the modules that it brought are forgotten and the error is raised.

    Args:
        packages: their names; all that lies in them is stood in for with them.
    """
    _watch_imports()
    before = set(sys.modules)
    chosen = [package for package in packages if package not in before or isinstance(sys.modules[package], Deferred)]
    _postponing.extend(chosen)
    try:
        yield
    except BaseException:
        _forget(before)
        raise
    finally:
        for package in chosen:
            _postponing.remove(package)


def _forget(before: set[str]) -> None:
    """Remove the modules that were imported since, except torch's own, which cannot be imported twice."""
    for name in [name for name in sys.modules if name not in before]:
        module = sys.modules[name]
        if name.startswith("torch.") and not isinstance(module, _Postponed):
            continue
        del sys.modules[name]
        parent, _, last = name.rpartition(".")
        if parent in sys.modules and vars(sys.modules[parent]).get(last) is module:
            delattr(sys.modules[parent], last)


@contextmanager
def _imported(name: str) -> Iterator[None]:
    """A context in which the package that a module lies in is not stood in for."""
    paused = [package for package in _postponing if name == package or name.startswith(f"{package}.")]
    _postponing[:] = [package for package in _postponing if package not in paused]
    try:
        yield
    finally:
        _postponing.extend(paused)
