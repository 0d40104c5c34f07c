"""VAR's VQVAE: github.com/FoundationVision/VAR."""

from __future__ import annotations

import importlib
from typing import Any

import torch
from cases import Golden, fill, store

_ANY = {"vocab_size": 16, "z_channels": 32, "ch": 32, "quant_conv_ks": 3, "quant_resi": 0.5, "share_quant_resi": 4}
CASES = (
    Golden(
        "var",
        "bench.modalities.image.tokenizers.var:VAR",
        "FoundationVision/VAR 78b95394, models/{vqvae,quant,basic_vae}.py (MIT)",
        {**_ANY, "v_patch_nums": [1, 2, 3, 4]},
        side=64,
    ),
)


@torch.no_grad()
def write() -> None:
    """Write ``var.npz``, with VAR's checkout on the path."""
    networks: Any = importlib.import_module("models.vqvae")
    arrays = {}
    for case in CASES:
        model = networks.VQVAE(**case.config)
        shapes = fill(model)
        codes = model.img_to_idxBl(case.images())
        maps = model.quantize.f_to_idxBl_or_fhat(model.quant_conv(model.encoder(case.images())), True)[-1]
        arrays[case.name] = {"shapes": shapes, "decoded": model.decoder(model.post_quant_conv(maps))[-1:]}
        for level, (code, side) in enumerate(zip(codes, case.config["v_patch_nums"], strict=True)):
            arrays[case.name][f"codes_{level}"] = code.view(len(code), side, side)
    store("var", arrays)


if __name__ == "__main__":
    write()
