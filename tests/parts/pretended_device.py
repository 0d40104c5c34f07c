"""A device that pretends: tensors on ``meta`` that have values, and must not meet tensors of the processor.

Fake tensors know their device as well, but have no values, which the upkeep of codebooks asks for.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

DEVICE = torch.device("meta")
COPIES = (torch.ops.aten._to_copy.default, torch.ops.aten.copy_.default)
"""What may have tensors of both devices."""


class MixedDevicesError(Exception):
    """An operation got tensors of both devices."""


class Pretended(torch.Tensor):
    """A tensor on the device that pretends, with its values on the processor."""

    held: torch.Tensor

    @staticmethod
    def __new__(cls, values: torch.Tensor) -> Pretended:
        made: Pretended = torch.Tensor._make_wrapper_subclass(  # type: ignore[attr-defined]
            cls, values.shape, strides=values.stride(), dtype=values.dtype, device=DEVICE
        )
        made.held = values
        return made

    def __repr__(self, *, tensor_contents: object = None) -> str:  # type: ignore[override]
        return f"Pretended({self.held!r})"

    @classmethod
    def __torch_dispatch__(  # type: ignore[override]
        cls, function: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        return _computed(function, args, kwargs or {})


class PretendedDevice(TorchDispatchMode):
    """Within this context, ``meta`` is a device that pretends.

    Args:
        monkeypatch: replaces ``new_tensor``, which torch itself does not fill on ``meta``.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__()
        monkeypatch.setattr(
            torch.Tensor, "new_tensor", lambda self, data: torch.tensor(data, dtype=self.dtype).to(self.device)
        )

    def __torch_dispatch__(self, function: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None) -> Any:
        return _computed(function, args, kwargs or {})


def _computed(function: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    """What an operation gives, computed on the processor.

    Raises:
        MixedDevicesError: it got tensors of both devices; those without dimensions may be on the processor.
    """
    given = [tensor for tensor in tree_leaves((args, kwargs)) if isinstance(tensor, torch.Tensor)]
    pretended = any(isinstance(tensor, Pretended) for tensor in given)
    if pretended and function not in COPIES and any(not isinstance(one, Pretended) and one.ndim for one in given):
        raise MixedDevicesError(f"{function} got tensors of both devices")
    device = kwargs.get("device")
    onto = pretended if device is None else torch.device(device) == DEVICE
    inner: dict[str, Any] = tree_map(_values, kwargs)
    out = function(*tree_map(_values, args), **(inner if device is None else {**inner, "device": "cpu"}))
    first = next(iter(function._schema.arguments), None)
    if first is not None and first.alias_info is not None and first.alias_info.is_write:  # in place
        return args[0]
    return tree_map(lambda value: Pretended(value) if onto and isinstance(value, torch.Tensor) else value, out)


def _values(value: Any) -> Any:
    return value.held if isinstance(value, Pretended) else value
