"""Where the weights are in what a checkpoint holds: within nested mappings, under prefixes, raw or averaged (EMA)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.errors import BenchError

if TYPE_CHECKING:
    import torch

CHOICES = ("ema", "raw", "ema-if-any")
"""Which weights of a checkpoint to use; ``ema-if-any`` are the averaged ones, or raw ones where there are no others."""

_DEEPEST = 4
_NO_WEIGHTS = re.compile(r"optim\w*|lr_\w+|\w*schedulers?|callbacks|loops|\w*disc(riminator)?|scaler|\w*loss\w*|rng\w*")
"""Mappings within a checkpoint that hold tensors of training, never those of an autoencoder."""
_AVERAGED = re.compile(r"(.*[._])?(ema|averaged?)([._].*)?", re.IGNORECASE)
_AVERAGED_PREFIXES = ("model_ema.", "ema_model.", "ema.")
_WRAPPERS = ("module.", "_orig_mod.")
"""What DistributedDataParallel and torch.compile put before every name."""
_COUNTERS = {"decay", "num_updates", "initted", "step"}
"""What averages hold beside weights."""


@dataclass(frozen=True)
class Weights:
    """The weights of one model in a checkpoint.

    Attributes:
        tensors: by the publisher's names, without the prefixes of wrappers.
        place: where in the checkpoint they are: ``state_dict``, ``trainer.unitok``; empty for its top.
        averaged: whether they are an exponential moving average (EMA).
        alone: whether the checkpoint holds no others, averaged or raw.
    """

    tensors: dict[str, torch.Tensor]
    place: str
    averaged: bool
    alone: bool = True

    @property
    def label(self) -> str:
        """Which weights they are, for a result: ``ema: model_ema``; empty where nothing was to choose."""
        if self.alone and not self.averaged:
            return ""
        return f"{'ema' if self.averaged else 'raw'}: {self.place or 'top'}"


def choose(loaded: Any, choice: str, file: Path) -> Weights:
    """The weights to use of what a file holds.

    Args:
        loaded: a mapping of names to tensors, or nested mappings that hold one.
        choice: one of ``CHOICES``; empty where neither the user nor the registry line says one.
        file: for messages.

    Raises:
        BenchError: there are no tensors, several models, both raw and averaged weights where ``choice`` does not
            decide, or not those that it asks for.
    """
    candidates = list(_candidates(loaded, "", _DEEPEST))
    if not candidates:
        raise BenchError(f"{file}: holds no mapping of names to tensors", "give a file with a model's state dict")
    averaged = [weights for weights in candidates if weights.averaged]
    raw = [weights for weights in candidates if not weights.averaged]
    wanted = (averaged or raw) if choice == "ema-if-any" else averaged if choice == "ema" else raw
    if choice and not wanted:
        other = "raw" if choice == "ema" else "ema"
        raise BenchError(
            f"{file}: holds no {choice} weights, only {_places(candidates)}",
            f"write NAME@path={file},weights={other} to use those",
        )
    if not choice:
        if averaged and raw:
            raise BenchError(
                f"{file}: holds raw weights ({_places(raw)}) and their moving average ({_places(averaged)}), and "
                "nothing says which its publisher evaluates",
                f"write NAME@path={file},weights=ema or weights=raw",
            )
        wanted = candidates
    if len(wanted) > 1:
        raise BenchError(
            f"{file}: holds several models ({_places(wanted)})", "save the state dict of the one to measure on its own"
        )
    (weights,) = wanted
    return Weights(weights.tensors, weights.place, weights.averaged, alone=len(candidates) == 1)


def joined(loaded: Any, parts: Sequence[str], choice: str, file: Path) -> Weights:
    """The weights of a model that a file holds in several mappings, a module each, under ``MAPPING.NAME``.

    Args:
        loaded: what the file holds; one that lacks such a mapping is read by ``choose``.
        parts: the mappings, at the top of what the file holds; others are of training.
        choice, file: as in ``choose``.

    Raises:
        BenchError: as ``choose`` does, or the choice is of weights that such a file does not hold.
    """
    import torch

    if not (parts and isinstance(loaded, Mapping) and all(isinstance(loaded.get(part), Mapping) for part in parts)):
        return choose(loaded, choice, file)
    if choice == "ema":
        raise BenchError(f"{file}: holds no ema weights, only {', '.join(parts)}", "leave out weights=")
    tensors: dict[str, torch.Tensor] = {}
    for part in parts:
        module = {name: item for name, item in loaded[part].items() if isinstance(item, torch.Tensor)}
        for tensor in module.values():
            _require_stored(tensor)
        tensors |= {f"{part}.{name}": tensor for name, tensor in _unwrapped(module).items()}
    return Weights(tensors, "", averaged=False)


def _candidates(value: Any, place: str, depth: int) -> Iterator[Weights]:
    """The mappings of tensors within a value, each split into raw and averaged weights."""
    import torch

    if not isinstance(value, Mapping) or depth < 0:
        return
    tensors = {name: item for name, item in value.items() if isinstance(name, str) and isinstance(item, torch.Tensor)}
    if any(tensor.ndim for tensor in tensors.values()):
        for tensor in tensors.values():
            _require_stored(tensor)
        yield from _split(_unwrapped(tensors), place)
    for name, item in value.items():
        if isinstance(name, str) and not _NO_WEIGHTS.fullmatch(name):
            yield from _candidates(item, f"{place}.{name}" if place else name, depth - 1)


def _split(tensors: dict[str, torch.Tensor], place: str) -> Iterator[Weights]:
    """The weights of one mapping, and those that are an average of them under a prefix."""
    prefix = next((p for p in _AVERAGED_PREFIXES if any(name.startswith(p) for name in tensors)), None)
    if prefix is None:
        yield Weights(tensors, place, bool(_AVERAGED.fullmatch(place)))
        return
    inside = {name.removeprefix(prefix): item for name, item in tensors.items() if name.startswith(prefix)}
    raw = {name: item for name, item in tensors.items() if not name.startswith(prefix)}
    if raw:
        yield Weights(raw, place, averaged=False)
    average = _unwrapped({name: item for name, item in inside.items() if name not in _COUNTERS})
    if not any("." in name for name in average):
        average = _dotted(average, raw)
    if average:
        label = prefix.removesuffix(".")
        yield Weights(average, f"{place}.{label}" if place else label, averaged=True)


def _dotted(average: dict[str, torch.Tensor], raw: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """An average whose names lack the dots of the raw ones, under the raw names; buffers, which none has, are raw.

    Raises:
        ValueError: a name fits several raw tensors, or none fits any.
    """
    undotted: dict[str, list[str]] = {}
    for name in raw:
        undotted.setdefault(name.replace(".", ""), []).append(name)
    renamed: dict[str, torch.Tensor] = {}
    for name, tensor in average.items():
        fitting = undotted.get(name, [])
        if len(fitting) > 1:
            raise ValueError(f"{name} of its moving average could be any of {', '.join(fitting)}")
        renamed |= dict.fromkeys(fitting, tensor)
    if average and not renamed:
        raise ValueError(
            f"its moving average has names without dots ({next(iter(average))}), and no raw tensor has such"
        )
    modules = {name.partition(".")[0] for name in renamed}
    return {name: tensor for name, tensor in raw.items() if name.partition(".")[0] in modules} | renamed


def _unwrapped(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Tensors without the prefixes that wrappers put before every name."""
    for _ in _WRAPPERS:
        for prefix in _WRAPPERS:
            if tensors and all(name.startswith(prefix) for name in tensors):
                tensors = {name.removeprefix(prefix): item for name, item in tensors.items()}
    return tensors


def _require_stored(tensor: torch.Tensor) -> None:
    """Raise ValueError for a tensor that states more numbers than the file holds, or holds none itself."""
    import torch

    if type(tensor) not in (torch.Tensor, torch.nn.Parameter) or tensor.layout != torch.strided or tensor.is_meta:
        raise ValueError("a tensor is not a plain array of numbers")
    if tensor.numel() * tensor.itemsize > tensor.untyped_storage().nbytes():
        raise ValueError(f"a tensor of the shape {list(tensor.shape)} states more numbers than the file holds")


def _places(weights: list[Weights]) -> str:
    return ", ".join(item.place or "at its top" for item in weights)
