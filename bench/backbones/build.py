"""Backbones by the name of their paradigm."""

from __future__ import annotations

from bench import registry
from bench.backbones.base import Backbone, Size, Structure
from bench.errors import BenchError, UnknownName

PARADIGMS: dict[str, str] = {
    "raster": "bench.backbones.raster:Raster",
    "depthwise": "bench.backbones.depthwise:Depthwise",
    "masked": "bench.backbones.masked:Masked",
    "delay": "bench.backbones.delay:Delay",
}


def paradigm_of(structure: Structure) -> str:
    """The paradigm that fits the structure of tokens: raster order for one codebook, depth-wise for several.

    Raises:
        BenchError: none does.
    """
    if not structure.sizes:
        raise BenchError("continuous tokens have no codes to be modelled; choose a tokenizer with codebooks")
    if len(structure.sizes) == 1:
        return "raster"
    if len(set(structure.grids)) == 1:
        return "depthwise"
    raise BenchError(f"no backbone models levels of unequal grids: {', '.join(map(str, structure.grids))}")


def build(paradigm: str, structure: Structure, size: Size, classes: int = 0) -> Backbone:
    """A new backbone, its weights drawn from torch's global generator."""
    if paradigm not in PARADIGMS:
        raise UnknownName("paradigm", paradigm, PARADIGMS)
    found: Backbone = registry.load(PARADIGMS[paradigm])(structure, size, classes)
    return found
