"""Backbones by the name of their paradigm."""

from __future__ import annotations

from bench import registry
from bench.backbones.base import Backbone, Size, Structure
from bench.errors import BenchError

MOST_ENTRIES = 2**24
"""Entries of a codebook for each of which a backbone has an embedding and a logit."""


def paradigm_of(structure: Structure) -> str:
    """The paradigm that fits the structure of tokens.

    Raster order for one codebook, depth-wise for several of one grid, next scale for grids that grow,
    a mixture for continuous tokens.

    Raises:
        BenchError: no paradigm fits.
    """
    if structure.dim:
        return "mixture"
    if len(structure.sizes) == 1:
        return "raster"
    if len(set(structure.grids)) == 1:
        return "depthwise"
    if structure.grows:
        return "nextscale"
    grids = ", ".join(map(str, structure.grids))
    raise BenchError(
        f"no backbone models levels of unequal grids: {grids}; next-scale prediction takes grids of images, "
        "each as large as the one before or larger"
    )


def build(paradigm: str, structure: Structure, size: Size, classes: int = 0) -> Backbone:
    """A new backbone, its weights drawn from torch's global generator.

    Raises:
        BenchError: there is no such paradigm, or it does not model such tokens, or a codebook is too large for it.
    """
    entry = registry.get("backbones", paradigm)
    backbone = registry.load(entry.target)
    if not (isinstance(backbone, type) and issubclass(backbone, Backbone)):
        trainable = ", ".join(paradigms())
        raise BenchError(f"{paradigm} is pretrained, and a probe is trained from scratch; use one of {trainable}")
    if structure.dim and entry.tokens == "discrete":
        continuous = [name for name in paradigms() if registry.get("backbones", name).tokens == "continuous"]
        raise BenchError(f"{paradigm} models codes, but these tokens are continuous; use {' or '.join(continuous)}")
    if (largest := max(structure.sizes, default=0)) > MOST_ENTRIES:
        raise BenchError(
            f"{paradigm} has an embedding for each entry of a codebook, and one has {largest} entries, more than "
            f"{MOST_ENTRIES}",
            "use a tokenizer that makes several smaller codes of each position, as bsq-vit-36bit-grouped does",
        )
    return backbone(structure, size, classes)


def paradigms() -> list[str]:
    """Names of the paradigms that can be trained from scratch."""
    return [name for name, entry in registry.entries("backbones").items() if not entry.local]
