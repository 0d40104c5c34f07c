"""Checks that every image tokenizer has to pass, whatever its family."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

import torch

from bench.contracts.tokens import Tokens
from bench.modalities.image.tokenizers.published import Published
from bench.registry import Entry
from bench.tokenizers.base import Tokenizer

Check = Callable[[Tokenizer, Entry, torch.Tensor], None]


def kind(tokenizer: Tokenizer, entry: Entry, photos: torch.Tensor) -> None:
    """The tokens are of the kind that the registry line says, and fit the declared codebooks."""
    photos = _fitting(tokenizer, photos)
    tokens = tokenizer.encode(photos)
    assert tokens.kind == entry.tokens
    assert tokens.batch_size == len(photos)
    tokens.check(tokenizer.codebooks)
    assert tokens.latents is None or tokens.latents.isfinite().all()


def shapes(tokenizer: Tokenizer, entry: Entry, photos: torch.Tensor) -> None:
    """The output has the shape of the input and is finite float32, whether or not the size is a multiple of a patch."""
    side = getattr(tokenizer, "side", 0)
    for height, width in ((side, side),) if side else ((64, 64), (70, 50), (7, 9)):
        batch = _stretched(photos[:2], height, width)
        output = tokenizer.decode(tokenizer.encode(batch))
        assert output.shape == batch.shape
        assert output.dtype == torch.float32
        assert output.isfinite().all()


def batch_invariance(tokenizer: Tokenizer, entry: Entry, photos: torch.Tensor) -> None:
    """A sample becomes the same tokens and the same image in a batch, in another order and alone."""
    photos = _fitting(tokenizer, photos)
    together = tokenizer.encode(photos)
    decoded = tokenizer.decode(together)
    rounding = 1e-5 * max(1.0, float(decoded.abs().max()))
    for order in ([3, 1], *([i] for i in range(len(photos)))):
        some = tokenizer.encode(photos[order])
        for code, whole in zip(some.codes, together.codes, strict=True):
            assert torch.equal(code, whole[order])
        assert some.payload == tuple(together.payload[i] for i in order if together.payload)
        torch.testing.assert_close(tokenizer.decode(some), decoded[order], atol=rounding, rtol=0)


def determinism(tokenizer: Tokenizer, entry: Entry, photos: torch.Tensor) -> None:
    """The same input gives the same tokens and the same image, bit by bit, and is left unchanged."""
    photos = _fitting(tokenizer, photos)
    before = photos.clone()
    one, other = tokenizer.encode(photos), tokenizer.encode(photos)
    assert torch.equal(photos, before)
    assert _contents(one) == _contents(other)
    assert torch.equal(tokenizer.decode(one), tokenizer.decode(other))


def rates(tokenizer: Tokenizer, entry: Entry, photos: torch.Tensor) -> None:
    """Tokens and nominal bits of a sample follow the closed form: one token per patch and level."""
    side = getattr(tokenizer, "side", 0)
    height, width = (side, side) if side else (70, 50)
    batch = _stretched(photos[:3], height, width)
    tokens = tokenizer.encode(batch)
    bits = tokens.nominal_bits(tokenizer.codebooks)
    if tokens.kind == "bytes":
        assert tokens.counts is None
        assert bits is not None and bits.tolist() == [8.0 * len(data) for data in tokens.payload]
        return
    if isinstance(tokenizer, Published):
        patches = tokenizer.positions(height, width)
    else:
        patches = [math.ceil(height / patch) * math.ceil(width / patch) for patch in _sides(tokenizer)]
    assert tokens.counts is not None
    assert set(tokens.counts.tolist()) == {sum(patches)}
    if tokens.latents is not None:
        assert bits is None
        return
    expected = sum(n * math.log2(book.size) for n, book in zip(patches, tokenizer.codebooks, strict=True))
    assert bits is not None and bits.tolist() == [expected] * 3


CHECKS: tuple[Check, ...] = (shapes, batch_invariance, determinism, rates)


def beats_constant(tokenizer: Tokenizer, photos: torch.Tensor) -> None:
    """The round trip is closer to each image than the best image of one color."""
    error = (tokenizer.decode(tokenizer.encode(photos)) - photos).square().mean((1, 2, 3))
    constant = photos.var((2, 3), correction=0).mean(1)
    assert (error < constant).all()


def _fitting(tokenizer: Tokenizer, photos: torch.Tensor) -> torch.Tensor:
    """The photos at the size that a tokenizer takes, where it takes one only."""
    side = getattr(tokenizer, "side", 0)
    return _stretched(photos, side, side) if side else photos


def _stretched(photos: torch.Tensor, height: int, width: int) -> torch.Tensor:
    return torch.nn.functional.interpolate(photos, (height, width), mode="area")


def _contents(tokens: Tokens) -> list[Any]:
    latents = [] if tokens.latents is None else [tokens.latents.numpy().tobytes()]
    return [code.tolist() for code in tokens.codes] + latents + list(tokens.payload)


def _sides(tokenizer: Any) -> list[int]:
    """Return the side in pixels of the patch that a token of each level stands for, as discrete tokenizers declare."""
    matches = [re.fullmatch(r"(\d+)x\1 pixels", book.covers) for book in tokenizer.codebooks]
    assert all(matches), tokenizer.codebooks
    return [int(match[1]) for match in matches if match] or [int(getattr(tokenizer, "factor", 0) or tokenizer.patch)]
