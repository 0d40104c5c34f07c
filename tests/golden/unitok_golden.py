"""UniTok: github.com/FoundationVision/UniTok."""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import sys
import types
from pathlib import Path
from typing import Any
from unittest import mock

import torch
from cases import Golden, fill, store

CASES = (
    Golden(
        "unitok",
        "bench.modalities.image.tokenizers.unitok:UniTok",
        "FoundationVision/UniTok bb8012e8, models/{unitok,vitamin,vqvae,quant}.py (MIT) on timm 1.0.8 (Apache-2.0)",
        {
            "vocab_size": 32,
            "vocab_width": 8,
            "num_codebooks": 2,
            "widths": [8, 16, 32],
            "encoder_depths": [2, 2, 2],
            "decoder_depths": [2, 4, 2],
            "heads": 4,
        },
        side=64,
    ),
)
TINY = {
    "embed_dim=(128, 256, 768),\n            depths=(2, 4, 1),\n            stem_width=128": (
        "embed_dim=(8, 16, 32),\n            depths=(2, 2, 1),\n            stem_width=8"
    ),
    "embed_dim=768, depth=14, num_heads=12": "embed_dim=32, depth=2, num_heads=4",
    "'vitamin_base': (768, 256, 128)": "'vitamin_base': (32, 16, 8)",
}
"""Sizes that UniTok's ViTamin-B states in its code, and those of the case."""


class TextTower(torch.nn.Module):
    """What UniTok asks of the text tower, which reconstruction does not use."""

    context_length = vocab_size = 1

    def set_grad_checkpointing(self, enabled: bool) -> None:
        """Do nothing."""


@torch.no_grad()
def write() -> None:
    """Write ``unitok.npz``, with UniTok's checkout and timm on the path."""
    (case,) = CASES
    stubs = {name: mock.MagicMock() for name in ("utils", "utils.config", "open_clip", "open_clip.model")}
    stubs["open_clip.model"]._build_text_tower = lambda *_: TextTower()
    with mock.patch.dict(sys.modules, stubs):
        _import_tiny_vitamin()
        unitok: Any = importlib.import_module("models.unitok")
        sizes = {key: case.config[key] for key in ("vocab_size", "vocab_width", "num_codebooks")}
        choices = {"quant_proj": "attn", "vq_beta": 0.25, "le": 0.0, "e_temp": 0.01, "drop_path": 0.1, "num_query": 0}
        text = dict.fromkeys(("text_width", "text_heads", "text_layers", "text_vocab_size", "text_context_length"), 1)
        rest = {"model": "vitamin_base", "img_size": case.side, "grad_ckpt": False, "embed_dim": 8}
        model = unitok.UniTok(argparse.Namespace(**sizes, **choices, **text, **rest))
    shapes = fill(model)
    codes = model.img_to_idx(case.images())
    decoded = model.decoder(model.post_quant_proj(model.quantizer.idx_to_f(codes)))
    levels = {f"codes_{level}": codes[:, level].unflatten(1, (4, 4)) for level in range(codes.shape[1])}
    store("unitok", {case.name: {"shapes": shapes, "decoded": decoded[-1:], **levels}})


def _import_tiny_vitamin() -> None:
    """Import UniTok's ViTamin with the sizes of the case."""
    package = importlib.util.find_spec("models")
    assert package is not None and package.submodule_search_locations is not None
    # The package itself imports the discriminator.
    sys.modules["models"] = importlib.util.module_from_spec(package)
    file = Path(package.submodule_search_locations[0]) / "vitamin.py"
    source = file.read_text()
    for stated, tiny in TINY.items():
        assert stated in source, stated
        source = source.replace(stated, tiny)
    sys.modules["models.vitamin"] = module = types.ModuleType("models.vitamin")
    exec(compile(source, file, "exec"), vars(module))


if __name__ == "__main__":
    write()
