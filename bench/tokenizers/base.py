"""The tokenizer contract."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import torch

from bench.contracts.tokens import Codebook, Tokens
from bench.errors import BenchError
from bench.tokenizers.placement import place

if TYPE_CHECKING:
    from bench.datasets.base import Dataset


class Tokenizer(ABC):
    """Encodes signals to tokens and back.

    Images are float32 ``[batch, 3, height, width]`` in [0, 1], audio is a
    ``bench.modalities.audio.batch.Audio`` (its tokenizers derive from
    ``bench.modalities.audio.tokenizers.base.AudioTokenizer``), whatever the dtype the model computes in: a class
    that defines ``to`` casts them itself. Of one that does not, modules and tensors are cast to the protocol's
    dtype, and batches arrive in it.
    What the model needs instead (value range, layout, a multiple of 16) the adapter does in ``encode`` and
    undoes in ``decode``: equal shapes in and out. Neither may depend on the other samples of the batch.

    Attributes:
        modality: ``image`` or ``audio``.
        decodes: whether it gives signals back; if not (:class:`Encoder`), only its tokens are measured.
        casts: whether it can compute in other dtypes; if not, it has results in float32 only.
        equal_lengths: whether the samples of a batch must be equally long, because padding would change what
            becomes of them; the loop then only batches samples of equal length.
        codebooks: one per level, in the order of ``Tokens.codes``; empty for continuous and coded tokens.
        weights: sha256 of each weights file loaded, by name.
        revision: revision of the checkpoint, if it has one.
    """

    METHODS: ClassVar[tuple[str, str]] = ("encode", "decode")
    """Methods that see what the model computes with."""
    modality: ClassVar[str] = "image"
    decodes: ClassVar[bool] = True
    casts: ClassVar[bool] = True
    equal_lengths: bool = False
    codebooks: tuple[Codebook, ...] = ()
    weights: dict[str, str] = {}  # noqa: RUF012 - replaced, never mutated
    revision: str = ""

    @abstractmethod
    def encode(self, batch: Any) -> Tokens:
        """Signals to tokens; ``signal_shape`` of the tokens is the shape of one sample."""

    @abstractmethod
    def decode(self, tokens: Tokens) -> Any:
        """Tokens to signals of the shape that was encoded; the caller clamps to the value range."""

    def fit(self, dataset: Dataset, seed: int) -> None:
        """Learn from a dataset disjoint from the evaluated one; does nothing for pretrained tokenizers."""
        return

    @classmethod
    def is_fitted(cls, arguments: Mapping[str, Any]) -> bool:
        """Whether a tokenizer built with these arguments has to be fitted: every one whose class defines ``fit``."""
        return cls.fit is not Tokenizer.fit

    def to(self, device: torch.device, dtype: torch.dtype) -> Tokenizer:
        """Move modules and tensors to a device and dtype; returns the tokenizer itself.

        Raises:
            BenchError: a dtype other than float32 is requested that the tokenizer would not compute in.
        """
        if self.casts:
            place(self, self.METHODS, device, dtype)
        else:
            require_castable(type(self), dtype)
        return self


class Encoder(Tokenizer):
    """A tokenizer that only encodes, such as one of semantic units: nothing is reconstructed of its tokens."""

    decodes: ClassVar[bool] = False

    def decode(self, tokens: Tokens) -> Any:
        """Raise BenchError, since there is no decoder."""
        raise BenchError(f"{type(self).__name__} encodes only")


def require_castable(kind: Any, dtype: torch.dtype) -> None:
    """Raise BenchError if a class has results in float32 only and another dtype is requested."""
    if dtype != torch.float32 and not getattr(kind, "casts", True) and kind.to is Tokenizer.to:
        wanted = str(dtype).removeprefix("torch.")
        raise BenchError(
            f"{kind.__name__} computes in its own way whatever the dtype, so it has no result in {wanted}",
            "leave out --dtype, or this system",
        )
