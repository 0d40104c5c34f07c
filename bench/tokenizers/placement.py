"""Moving what a user's tokenizer holds to a device and dtype, and its batches and tokens with it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from bench.contracts.tokens import Tokens
from bench.errors import BenchError

if TYPE_CHECKING:
    from bench.tokenizers.base import Tokenizer

OTHERS = ("builtins", "functools", "numpy", "torch")
"""Packages whose objects are not searched for modules and tensors."""
DEPTH = 3
"""Steps at most from the tokenizer to what is moved: an attribute, what it holds, and what that holds."""


def place(tokenizer: Tokenizer, methods: tuple[str, str], device: torch.device, dtype: torch.dtype) -> None:
    """Move the modules and tensors that a tokenizer holds, and have its batches and tokens moved and cast alike.

    Held are attributes, what lists, tuples and dictionaries of them hold, and attributes of plain objects; registered
    with a module or not. Tensors of float64 stay as they are where float32 is asked for.

    Args:
        methods: names of the methods that take a batch, and tokens.

    Raises:
        BenchError: a dtype other than float32 is requested that the tokenizer would not compute in.
    """
    name, wanted = type(tokenizer).__name__, str(dtype).removeprefix("torch.")
    mover = _Mover(device, dtype)
    mover.moved(tokenizer, DEPTH)
    if not mover.floating:
        if dtype != torch.float32:
            raise BenchError(
                f"{name} holds no module and no tensor that could be cast to {wanted}, so it would compute in another "
                "dtype than its result says",
                f"leave --dtype out, or define to(self, device, dtype) in {name}",
            )
        return
    if left := [kind for kind in mover.left() if kind != dtype]:
        kinds = ", ".join(sorted({str(kind).removeprefix("torch.") for kind in left}))
        raise BenchError(f"{name}: a module stays {kinds} when it is cast to {wanted}", "leave --dtype out")
    if dtype != torch.float32 or device.type != "cpu":
        encode, decode = methods
        _before(tokenizer, encode, lambda batch: _cast(batch, dtype))
        _before(tokenizer, decode, lambda tokens: _on(tokens, device, dtype))


class _Mover:
    """Moves what is reachable.

    Attributes:
        floating: how many modules and tensors with floating-point numbers there were.
    """

    def __init__(self, device: torch.device, dtype: torch.dtype) -> None:
        self.device, self.dtype = device, dtype
        self.floating = 0
        self._modules: list[nn.Module] = []
        self._seen: set[int] = set()

    def moved(self, value: Any, depth: int) -> Any:
        """The value in its new place; modules and containers are changed themselves."""
        if isinstance(value, torch.Tensor):
            return self._tensor(value)
        if depth < 0 or id(value) in self._seen:
            return value
        self._seen.add(id(value))
        if isinstance(value, nn.Module):
            self._module(value)
        elif isinstance(value, dict):
            value.update({key: self.moved(item, depth - 1) for key, item in value.items()})
        elif isinstance(value, list):
            value[:] = [self.moved(item, depth - 1) for item in value]
        elif isinstance(value, tuple):
            return self._tuple(value, depth)
        elif _is_plain(value):
            self._attributes(value, depth)
        return value

    def left(self) -> list[torch.dtype]:
        """The dtypes that the moved modules have now."""
        tensors = (one for module in self._modules for one in (*module.parameters(), *module.buffers()))
        return list({tensor.dtype for tensor in tensors if tensor.is_floating_point()})

    def _tensor(self, tensor: torch.Tensor) -> torch.Tensor:
        if not tensor.is_floating_point():
            return tensor.to(self.device)
        self.floating += 1
        finer = tensor.dtype == torch.float64 and self.dtype == torch.float32
        dtype = tensor.dtype if finer else self.dtype
        if isinstance(tensor, nn.Parameter):
            tensor.data = tensor.data.to(self.device, dtype)
            return tensor
        in_place = tensor.dtype == dtype and tensor.device == self.device
        return tensor if in_place else tensor.detach().to(self.device, dtype)

    def _module(self, module: nn.Module) -> None:
        self._modules.append(module)
        self.floating += any(tensor.is_floating_point() for tensor in (*module.parameters(), *module.buffers()))
        # Past the libraries' own ``to``, which may keep parts in float32 or raise.
        nn.Module.to(module, self.device, self.dtype)
        for part in module.modules():
            self._seen.add(id(part))
            self._attributes(part, 2, but=("_parameters", "_buffers", "_modules"))

    def _tuple(self, value: tuple[Any, ...], depth: int) -> tuple[Any, ...]:
        parts = [self.moved(part, depth - 1) for part in value]
        if all(part is item for part, item in zip(parts, value, strict=True)):
            return value
        return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)

    def _attributes(self, owner: Any, depth: int, but: tuple[str, ...] = ()) -> None:
        for name, value in list(vars(owner).items()):
            if name not in but and (moved := self.moved(value, depth - 1)) is not value:
                object.__setattr__(owner, name, moved)


def _is_plain(value: Any) -> bool:
    """Whether a value is an object of a plain class, whose attributes are its parts."""
    made_by = type(value).__module__.partition(".")[0]
    return hasattr(value, "__dict__") and not isinstance(value, type) and made_by not in OTHERS


def _before(tokenizer: Tokenizer, method: str, prepared: Callable[[Any], Any]) -> None:
    """Wrap a method of this tokenizer so that its argument is prepared first."""
    plain: Callable[[Any], Any] = getattr(tokenizer, method)
    object.__setattr__(tokenizer, method, lambda given: plain(prepared(given)))


def _cast(batch: Any, dtype: torch.dtype) -> Any:
    if isinstance(batch, torch.Tensor):
        return batch.to(dtype)
    return batch.like(batch.samples.to(dtype))  # ``Audio``, which images should not import


def _on(tokens: Tokens, device: torch.device, dtype: torch.dtype) -> Tokens:
    latents = None if tokens.latents is None else tokens.latents.to(device, dtype)
    return replace(tokens, codes=tuple(code.to(device) for code in tokens.codes), latents=latents)
