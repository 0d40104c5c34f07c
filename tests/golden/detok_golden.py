"""DeTok: github.com/Jiawei-Yang/DeTok; it needs einops, and any mapping as ``CONSTANTS`` of ``utils/loader.py``."""

from __future__ import annotations

import importlib
from typing import Any

import torch
from cases import Golden, fill, store

_SIZE = {"width": 32, "depth": 2, "heads": 2}
_ANY = {"img_size": 32, "patch_size": 8, "token_channels": 4}
CASES = (
    Golden(
        "detok",
        "bench.modalities.image.tokenizers.detok:DeTok",
        "Jiawei-Yang/DeTok 706f7ac6, models/detok.py (MIT)",
        {**_ANY, "vit_enc_model_size": _SIZE, "vit_dec_model_size": _SIZE},
    ),
)


@torch.no_grad()
def write() -> None:
    """Write ``detok.npz``, with the checkout on the path."""
    detok: Any = importlib.import_module("models.detok")
    detok.SIZE_DICT["tiny"] = {"width": _SIZE["width"], "layers": _SIZE["depth"], "heads": _SIZE["heads"]}
    model = detok.DeTok(**_ANY, vit_enc_model_size="tiny", vit_dec_model_size="tiny")
    shapes = fill(model)
    latents, _, _ = model.encode(CASES[0].images(), mask_ratio=0.0)
    grid = _ANY["img_size"] // _ANY["patch_size"]
    arrays = {"shapes": shapes, "latents": latents.unflatten(1, (grid, grid)), "decoded": model.decoder(latents)[-1:]}
    store("detok", {"detok": arrays})


if __name__ == "__main__":
    write()
