"""Small structures, tokens and backbones for the tests."""

from __future__ import annotations

import pytest
import torch

from bench.backbones import layers
from bench.backbones.base import Backbone, Size, Structure
from bench.backbones.build import build
from bench.contracts.tokens import Tokens

TINY = Size(width=32, depth=2, heads=2)
IMAGE = Structure((5,), ((3, 4),), (3, 24, 32))
SOUND = Structure((5,), ((6,),), (1, 60), 10)
RESIDUAL = Structure((5, 3, 4), ((2, 3),) * 3, (3, 16, 24))
SCALES = Structure((5, 3, 4), ((1, 1), (2, 2), (3, 4)), (3, 24, 32))
FRAMES = Structure((5, 3, 4), ((6,),) * 3, (1, 60), 10)
CASES = {
    "raster": ("raster", IMAGE),
    "raster-sound": ("raster", SOUND),
    "randomised": ("randomised", IMAGE),
    "randomised-sound": ("randomised", SOUND),
    "depthwise": ("depthwise", RESIDUAL),
    "depthwise-sound": ("depthwise", FRAMES),
    "delay": ("delay", FRAMES),
    "nextscale": ("nextscale", SCALES),
    "nextscale-wide": ("nextscale", Structure((5, 5, 5), ((1, 2), (1, 2), (2, 3)), (3, 16, 24))),
}


def backbone(case: str, classes: int = 0, trained: bool = True) -> Backbone:
    """Build a backbone with random heads, as if trained, or with its initial ones, which are zero."""
    torch.manual_seed(0)
    paradigm, structure = CASES[case]
    built = build(paradigm, structure, TINY, classes)
    if trained:
        with torch.no_grad():
            for parameter in built.parameters():
                parameter.add_(0.3 * torch.randn_like(parameter))
    return built.eval()


def random_tokens(structure: Structure, batch: int, seed: int = 0) -> Tokens:
    """Draw codes uniformly for ``batch`` samples."""
    generator = torch.Generator().manual_seed(seed)
    return structure.tokens(
        [
            torch.randint(size, (batch, count), generator=generator)
            for size, count in zip(structure.sizes, structure.positions, strict=True)
        ]
    )


def changed(tokens: Tokens, level: int, position: int, size: int) -> Tokens:
    """Return the tokens with one code of every sample changed."""
    codes = [code.clone() for code in tokens.codes]
    flat = codes[level].view(len(codes[level]), -1)
    flat[:, position] = (flat[:, position] + 1) % size
    return Tokens(codes=tuple(codes), signal_shape=tokens.signal_shape)


def all_tokens(structure: Structure) -> Tokens:
    """Return every sample that the structure allows."""
    axes = [
        torch.arange(size)
        for size, count in zip(structure.sizes, structure.positions, strict=True)
        for _ in range(count)
    ]
    table = torch.cartesian_prod(*axes).view(-1, len(axes))
    return structure.tokens(list(table.split(list(structure.positions), dim=1)))


def costs(built: Backbone, tokens: Tokens) -> list[torch.Tensor]:
    """Return the nats of each code, by level, as the heads computed them."""
    found = []
    original = layers.Head.nats

    def listening(head: layers.Head, hidden: torch.Tensor, codes: torch.Tensor) -> torch.Tensor:
        found.append(original(head, hidden, codes))
        return found[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(layers.Head, "nats", listening)
        total = built.log_likelihood(tokens)
    assert total.tolist() == pytest.approx((-torch.stack([level.sum(1) for level in found]).sum(0)).tolist(), rel=1e-5)
    return found
