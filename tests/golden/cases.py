"""Golden arrays: what publishers' networks make of weights and signals that are functions of names.

Each family has a module here, ``NAME_golden.py``, with its ``CASES``, and ``write()``, which runs the publisher's code
and stores what it gives in ``NAME.npz``: names and shapes of the tensors, tokens, and the decoded signal. To write it
again: ``PYTHONPATH=CHECKOUT python tests/golden/NAME_golden.py``, with the package or the checkout that the case names.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import torch

from bench import registry
from bench.contracts.tokens import Tokens

FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Golden:
    """One network of a publisher.

    Attributes:
        name: of its arrays, ``FAMILY`` or ``FAMILY-VARIANT``.
        target: the tokenizer's class, ``module:Attribute``.
        made_by: the package with its version, or the repository with commit and files, that wrote the arrays, and its
            license.
        config: the configuration of the file, as a registry line or the publisher has it.
        arguments: further arguments of the class.
        side: height and width of images, or samples of clips.
        prefix: what the file puts before each name of a tensor.
        parts: mappings of the file that hold a module each, by the first part of the names of its tensors.
        modules: files that hold a module each, likewise.
        factors: what ``weights`` multiplies tensors with, by patterns of their names; for networks that it saturates.
    """

    name: str
    target: str
    made_by: str
    config: Mapping[str, Any]
    arguments: Mapping[str, Any] = field(default_factory=dict)
    side: int = 32
    prefix: str = ""
    parts: tuple[str, ...] = ()
    modules: tuple[str, ...] = ()
    factors: Mapping[str, float] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.name

    def save(self, folder: Path) -> Path:
        """Write the checkpoint, as ``torch.save`` does, and return its file, or the folder of its modules' files."""
        folder.mkdir(parents=True, exist_ok=True)
        tensors = weights(json.loads(str(self.arrays()["shapes"])), self.factors)
        held: dict[str, Any] = {f"{self.prefix}{name}": tensor for name, tensor in tensors.items()}
        for part in (*self.parts, *self.modules):
            inside = [name for name in held if name.startswith(f"{part}.")]
            held[part] = {name.removeprefix(f"{part}."): held.pop(name) for name in inside}
        for module in self.modules:
            torch.save(held[module], folder / f"{module}.pt")
        if self.modules:
            return folder
        torch.save(held, folder / f"{self.name}.pt")
        return folder / f"{self.name}.pt"

    def build(self, folder: Path) -> Any:
        """The tokenizer on its tiny checkpoint."""
        kind = registry.load(self.target)
        return kind(path=str(self.save(folder)), **{"config": self.config, **self.arguments})

    def images(self) -> torch.Tensor:
        """Two images ``[2, 3, side, side]`` in [-1, 1]."""
        return signal((2, 3, self.side, self.side))

    def clips(self) -> torch.Tensor:
        """Two clips of one channel, ``[2, 1, side]`` in [-1, 1]: noise under slow envelopes."""
        slow = torch.sin(torch.arange(1, 3)[:, None, None] * 9.0 * torch.arange(self.side) / self.side)
        return signal((2, 1, self.side)) * slow

    def arrays(self) -> Mapping[str, Any]:
        """``shapes`` (JSON), ``codes_0`` and so on or ``latents`` of all samples, and ``decoded``: the last sample."""
        with np.load(FOLDER / f"{self.name.partition('-')[0]}.npz") as stored:
            start = f"{self.name}/"
            return {key.removeprefix(start): stored[key] for key in stored.files if key.startswith(start)}

    def holds_tokens(self, tokens: Tokens) -> None:
        """Assert that tokens are those of the publisher: codes exactly, latents but for rounding."""
        expected = self.codes()
        assert len(tokens.codes) == len(expected)
        for code, published in zip(tokens.codes, expected, strict=True):
            assert torch.equal(code, published)
            assert len(published.unique()) > 1
        if tokens.latents is not None:
            _close(tokens.latents, self.arrays()["latents"])

    def holds_decoded(self, decoded: torch.Tensor) -> None:
        """Assert that the last sample of a decoded batch is the publisher's but for rounding."""
        _close(decoded[-1:], self.arrays()["decoded"])

    def codes(self) -> tuple[torch.Tensor, ...]:
        """Codes of each level; empty for latents."""
        arrays = self.arrays()
        count = sum(key.startswith("codes_") for key in arrays)
        return tuple(torch.from_numpy(arrays[f"codes_{level}"]).long() for level in range(count))


def cases(modality: str) -> list[Golden]:
    """The cases of every module in this folder whose tokenizers are of that modality."""
    modules = [importlib.import_module(file.stem) for file in sorted(FOLDER.glob("*_golden.py"))]
    return [case for module in modules for case in module.CASES if f".modalities.{modality}." in case.target]


def _close(tensor: torch.Tensor, published: Any) -> None:
    """Equal to a hundred thousandth of the largest number, or of 1 where none is as large."""
    expected = torch.from_numpy(published)
    atol = 1e-5 * max(1.0, float(expected.abs().max()))
    torch.testing.assert_close(tensor, expected, atol=atol, rtol=0)


def numbers(name: str, shape: Sequence[int]) -> torch.Tensor:
    """Float32 numbers in [-1, 1) that depend on a name alone, whatever the version of any library."""
    count = math.prod(shape)
    bits = np.frombuffer(hashlib.shake_256(name.encode()).digest(4 * count), "<u4")
    return torch.from_numpy((bits / 2**31 - 1).astype(np.float32)).reshape(tuple(shape))


def signal(shape: Sequence[int]) -> torch.Tensor:
    """Samples in [-1, 1) of this shape."""
    return numbers("signal", shape)


def weights(
    shapes: Mapping[str, Sequence[int]], factors: Mapping[str, float] = MappingProxyType({})
) -> dict[str, torch.Tensor]:
    """Tensors of these names, small enough that signals neither vanish nor grow on their way through the network.

    Matrices and convolutions keep the variance of what they get; factors of normalization are about 1; entries of
    codebooks (names that say ``embed`` or ``codebook``) are in [-1, 1); the taps of a
    ``filter`` are about alike and sum to 1.

    Args:
        factors: what tensors are multiplied with whose names hold a pattern.
    """
    tensors = {
        name: numbers(name, shape) * _scale(name, shape) + _offset(name, shape) for name, shape in shapes.items()
    }
    for pattern, factor in factors.items():
        tensors |= {name: tensor * factor for name, tensor in tensors.items() if re.search(pattern, name)}
    return tensors


def _scale(name: str, shape: Sequence[int]) -> float:
    if "embed" in name or "codebook" in name:
        return 1.0
    if name.endswith("filter"):
        return 0.5 / math.prod(shape)
    return math.sqrt(3 / max(1, math.prod(shape[1:]))) if len(shape) > 1 else 0.1


def _offset(name: str, shape: Sequence[int]) -> float:
    """1 for factors of normalization and variances, for a filter the mean of its taps.

    Factors are the weights of one dimension, and the scales of what is called a norm.
    """
    if name.endswith("filter"):
        return 1 / math.prod(shape)
    return float(name.endswith(("weight", ".var", "running_var", "norm.scale")) and len(shape) == 1)


def store(family: str, arrays: Mapping[str, Mapping[str, Any]]) -> None:
    """Write the arrays of a family's cases, by the names of the cases."""
    flat: dict[str, Any] = {
        f"{name}/{key}": np.asarray(value) for name, kept in arrays.items() for key, value in kept.items()
    }
    np.savez_compressed(FOLDER / f"{family}.npz", **flat)


def fill(model: torch.nn.Module, factors: Mapping[str, float] = MappingProxyType({})) -> str:
    """Give a publisher's network its weights, put it into evaluation mode, and return the shapes as JSON to store."""
    floats = {name: list(item.shape) for name, item in model.state_dict().items() if item.is_floating_point()}
    model.load_state_dict(weights(floats, factors), strict=False)
    model.eval()
    return json.dumps(floats)
