"""The size of a system: its modules, parameters, and the floating-point operations of a call."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

DEPTH = 3
"""Steps at most from a system to its modules: an attribute, what it holds, and what that holds."""


def modules_of(system: object) -> list[nn.Module]:
    """The modules that a system holds, outermost only, each once."""
    found: dict[int, nn.Module] = {}
    for module in _modules(system, DEPTH, set()):
        found.setdefault(id(module), module)
    inner = {id(part) for module in found.values() for part in module.modules() if part is not module}
    return [module for key, module in found.items() if key not in inner]


def _modules(value: Any, depth: int, seen: set[int]) -> Iterator[nn.Module]:
    if isinstance(value, nn.Module):
        yield value
    elif depth >= 0 and id(value) not in seen:
        seen.add(id(value))
        if isinstance(value, dict):
            parts = list(value.values())
        elif isinstance(value, list | tuple):
            parts = list(value)
        elif hasattr(value, "__dict__") and not isinstance(value, type | torch.Tensor):
            parts = list(vars(value).values())
        else:
            return
        for part in parts:
            yield from _modules(part, depth - 1, seen)


def parameters_of(system: object) -> int:
    """The number of parameters of a system's modules; 0 if it holds none."""
    parameters = {id(one): one.numel() for module in modules_of(system) for one in module.parameters()}
    return sum(parameters.values())


def flops_of(call: Callable[[], object]) -> int:
    """Floating-point operations of a call as ``torch.utils.flop_counter`` counts them: two per multiply and add.

    Matrix products, convolutions and attention count; what is done outside of torch, or element by element, does not.
    """
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), counter:
        call()
    return int(counter.get_total_flops())
