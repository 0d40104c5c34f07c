"""What ``bench show`` prints of bottlenecks, gradient estimators and remedies: arguments, and what combines."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from itertools import groupby
from typing import Any

from bench import registry
from bench.contracts.system import BottleneckSpec, parse
from bench.errors import BenchError
from bench.registry import Kind

WIDTH = 16
"""Dimensions of a latent for which codebooks are stated, the default of the study of images."""


def bottleneck_facts(name: str) -> dict[str, Any]:
    """Arguments with their defaults, codebooks, and how to measure a bottleneck, by their headings."""
    try:
        spec = parse(name, "bottlenecks")
        assert isinstance(spec, BottleneckSpec)
        taken = _defaults(registry.load(spec.entry.target))
        facts: dict[str, Any] = {"arguments": {**taken, **spec.arguments}}
        sizes = spec.bottleneck(WIDTH).sizes
    except BenchError as error:
        return {"not loadable here": str(error)}
    books = [(size, len(list(same))) for size, same in groupby(sizes)]
    facts["codebooks"] = [f"{count} x {size} codes" if count > 1 else f"{size} codes" for size, count in books]
    facts |= {key: f"any of bench list {kind}" for key, kind in _PARTS.items() if key in taken}
    return {**facts, "to measure it": f"bench run --suite collapse --system {name}"}


def estimator_facts(name: str) -> dict[str, Any]:
    """Arguments with their defaults of a gradient estimator, and the remedies that it combines with."""
    entry = registry.get("estimators", name.partition("@")[0])
    carrying = [other for other, kind in _classes("remedies").items() if getattr(kind, "carries", False)]
    but = f" but {', '.join(carrying)}, which bring their own" if carrying else ""
    return {
        "arguments": _defaults(registry.load(entry.target)),
        "combines with": f"every remedy{but}",
        "to use it": f"trained-vq@estimator={name}",
    }


def remedy_facts(name: str) -> dict[str, Any]:
    """Arguments with their defaults of a remedy, and the estimators and updates that it combines with."""
    entry = registry.get("remedies", name.partition("@")[0])
    kind = registry.load(entry.target)
    estimators = "no estimator: it brings its own" if kind.carries else "every estimator"
    updates = "update=loss and update=ema" if kind.averages else "update=loss only, by the gradient of codewords"
    return {
        "arguments": _defaults(kind),
        "combines with": [estimators, updates],
        "to use it": f"trained-vq@remedy={name}",
    }


FACTS: Mapping[Kind, Callable[[str], dict[str, Any]]] = {
    "bottlenecks": bottleneck_facts,
    "estimators": estimator_facts,
    "remedies": remedy_facts,
}
_PARTS = {"estimator": "estimators", "remedy": "remedies"}


def _classes(kind: Kind) -> dict[str, Any]:
    """The classes of a kind that can be imported here, by name."""
    found = {}
    for name, entry in registry.entries(kind).items():
        try:
            found[name] = registry.load(entry.target)
        except BenchError:
            continue
    return found


def _defaults(kind: type) -> dict[str, Any]:
    """What the constructor of a class takes, with defaults; where it passes arguments on, what its bases take too.

    What the study gives has no default.
    """
    taken: dict[str, Any] = {}
    for base in kind.__mro__:
        if "__init__" not in vars(base):
            continue
        parameters = inspect.signature(base.__init__).parameters.values()  # type: ignore[misc]
        for parameter in parameters:
            if parameter.default is not parameter.empty and parameter.name not in taken:
                taken[parameter.name] = parameter.default
        if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
            break
    return taken
