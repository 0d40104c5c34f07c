"""HiFi-Codec's encoder, quantizer and generator: github.com/yangdongchao/AcademiCodec."""

from __future__ import annotations

import importlib
from typing import Any

import torch
from cases import Golden, fill, store

PARTS = ("encoder", "quantizer", "generator")
CASES = (
    Golden(
        "hificodec",
        "bench.modalities.audio.tokenizers.hificodec:HiFiCodec",
        "yangdongchao/AcademiCodec b6ac134, academicodec/models/hificodec/{models,vqvae}.py (MIT)",
        {
            "resblock": "1",
            "sampling_rate": 16000,
            "upsample_rates": [2, 4, 5, 8],
            "upsample_kernel_sizes": [4, 8, 11, 16],
            "upsample_initial_channel": 64,
            "resblock_kernel_sizes": [1, 3],
            "resblock_dilation_sizes": [[1, 3, 5], [1, 3, 5]],
            "n_code_groups": 2,
            "n_codes": 256,
            "codebook_loss_lambda": 1.0,
            "commitment_loss_lambda": 0.25,
        },
        side=5000,
        parts=PARTS,
    ),
)


@torch.no_grad()
def write() -> None:
    """Write ``hificodec.npz``, with AcademiCodec's checkout on the path."""
    models: Any = importlib.import_module("academicodec.models.hificodec.models")
    whole: Any = importlib.import_module("academicodec.models.hificodec.vqvae")
    arrays = {}
    for case in CASES:
        settings = whole.AttrDict(case.config)
        model = whole.VQVAE.__new__(whole.VQVAE)
        torch.nn.Module.__init__(model)
        model.encoder, model.quantizer = models.Encoder(settings), models.Quantizer(settings)
        model.generator = models.Generator(settings)
        shapes = fill(model)
        codes = model.encode(case.clips()[:, 0])
        decoded = model(codes[-1:])
        rest = case.side - decoded.shape[2]
        arrays[case.name] = {"shapes": shapes, "decoded": torch.nn.functional.pad(decoded, (0, rest))}
        arrays[case.name] |= {f"codes_{level}": code for level, code in enumerate(codes.unbind(2))}
    store("hificodec", arrays)


if __name__ == "__main__":
    write()
