"""MaskGIT's VQGAN: modeling/modules/maskgit_vqgan.py of github.com/bytedance/1d-tokenizer."""

from __future__ import annotations

import importlib
from types import SimpleNamespace
from typing import Any

import torch
from cases import Golden, fill, store

CONFIG = {"hidden_channels": 32, "channel_mult": [1, 1, 2], "num_res_blocks": 2, "z_channels": 16, "num_embeddings": 16}
CASES = (
    Golden(
        "maskgit",
        "bench.modalities.image.tokenizers.maskgit:MaskGIT",
        "bytedance/1d-tokenizer 942a96fb, modeling/modules/maskgit_vqgan.py (Apache-2.0)",
        CONFIG,
    ),
)


@torch.no_grad()
def write() -> None:
    """Write ``maskgit.npz``, with the folder modeling/modules of the checkout on the path."""
    networks: Any = importlib.import_module("maskgit_vqgan")
    arrays = {}
    for case in CASES:
        config: Any = case.config
        stated = SimpleNamespace(
            **config, num_channels=3, num_resolutions=len(config["channel_mult"]), resolution=case.side, dropout=0.0
        )
        model: Any = torch.nn.Module()
        model.encoder, model.decoder = networks.Encoder(stated), networks.Decoder(stated)
        model.quantize = networks.VectorQuantizer(config["num_embeddings"], config["z_channels"], 0.25)
        shapes = fill(model)
        quantized, codes, _ = model.quantize(model.encoder((case.images() + 1) / 2))
        arrays[case.name] = {
            "shapes": shapes,
            "codes_0": codes.view(len(codes), *quantized.shape[2:]),
            "decoded": 2 * model.decoder(quantized)[-1:] - 1,
        }
    store("maskgit", arrays)


if __name__ == "__main__":
    write()
