"""Libraries without what a cell does not need of them, which is imported all the same once something asks for it.

A class of diffusers or transformers comes with torch's compiler, sympy, torchvision and the other of the two libraries:
up to 2,600 modules and five seconds, of which a third remain.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from functools import partial, wraps
from types import ModuleType
from typing import Any

from bench.machine.deferred import defer, postponed, when_loaded

COMPILER = "torch._dynamo"
MARKS = ("allow_in_graph", "assume_constant_result")
"""Functions of the compiler that mark a function or class, which stays the same object."""

_HEAVY = (
    *(COMPILER, "torch.distributed.tensor", "torch.fx.experimental.symbolic_shapes"),
    *("accelerate", "peft", "scipy", "sklearn", "torchaudio"),
    *("torchvision", "torchvision.datasets", "torchvision.io", "torchvision.models", "torchvision.ops"),
)
POSTPONED = {
    "diffusers": (*_HEAVY, "transformers"),
    "transformers": (*_HEAVY, "transformers.generation.continuous_batching"),
}
"""What is stood in for while a class of a library is imported; a name that a version does not have has no effect."""

_marks: list[Callable[[ModuleType], None]] = []
_compiler: list[ModuleType] = []


def library_class(package: str, name: str) -> Any:
    """A class of an installed library, imported without the packages that it can do without.

    Raises:
        ImportError, AttributeError, RuntimeError: as the library raises them where it cannot be imported whole either.
    """
    try:
        with postponed(POSTPONED.get(package, ())):
            return getattr(importlib.import_module(package), name)
    except Exception:  # whatever a version of the library makes of a package that is stood in for
        return getattr(importlib.import_module(package), name)


def lighten() -> None:
    """Let torch's compiler and torch-fidelity's other networks be imported when something asks for them.

    Libraries mark functions for the compiler when they are imported, and optimizers when they are first used; that
    alone imports it, and with it sympy, triton and pandas. The marks are kept and made when it is imported.
    """
    import torch  # noqa: F401 - the package must be there before its part

    when_loaded(COMPILER, _mark)
    marks = {name: partial(_mark_itself, name) for name in MARKS}
    defer(COMPILER, {"disable": _disable, "graph_break": _graph_break, **marks}, whole=True)
    defer("torch_fidelity")


def _mark(compiler: ModuleType) -> None:
    _compiler.append(compiler)
    for mark in _marks:
        mark(compiler)
    _marks.clear()


def _mark_itself(name: str, function: Any) -> Any:
    if not (inspect.isroutine(function) or inspect.isclass(function)) or _compiler:
        return _of_compiler(name)(function)
    _marks.append(lambda compiler: getattr(compiler, name)(function))
    return function


def _disable(function: Any = None, recursive: bool = True, **options: Any) -> Any:
    """The compiler's ``disable``: a function that calls the given one, and that the compiler leaves alone."""
    if function is None:
        return lambda given: _disable(given, recursive, **options)
    if not inspect.isfunction(function) or _compiler:
        return _of_compiler("disable")(function, recursive, **options)
    called = function

    @wraps(function)
    def disabled(*arguments: Any, **keywords: Any) -> Any:
        return called(*arguments, **keywords)

    def mark(compiler: ModuleType) -> None:
        nonlocal called
        called = compiler.disable(function, recursive, **options)
        vars(disabled).update(vars(called))

    _marks.append(mark)
    return disabled


def _graph_break(*arguments: Any, **keywords: Any) -> None:
    """The compiler's ``graph_break``, which optimizers call at each step; it does nothing outside of traced code."""


def _of_compiler(name: str) -> Any:
    import torch

    if not _compiler:
        torch._dynamo.config  # noqa: B018 - imports it
    return getattr(_compiler[0], name)
