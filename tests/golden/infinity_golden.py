"""Infinity's bitwise autoencoder: github.com/FoundationVision/Infinity."""

from __future__ import annotations

import argparse
import importlib
import sys
from typing import Any
from unittest import mock

import torch
from cases import Golden, fill, store

BITS, GROUP = 24, 12
"""Bits of a position, and of a code here; Infinity itself has no codes of its bits."""
_CHANNELS = [1, 2, 1, 1, 1]
CASES = (
    Golden(
        "infinity",
        "bench.modalities.image.tokenizers.infinity:Infinity",
        "FoundationVision/Infinity 4c27bbb5, infinity/models/bsq_vae/{vae,flux_vqgan,conv,multiscale_bsq}.py (MIT)",
        {
            "codebook_dim": BITS,
            "scales": [1, 2, 3, 4],
            "base_ch": 32,
            "num_res_blocks": 2,
            "encoder_ch_mult": _CHANNELS,
            "decoder_ch_mult": _CHANNELS,
        },
        side=64,
    ),
)


@torch.no_grad()
def write() -> None:
    """Write ``infinity.npz``, with ``infinity/models`` of Infinity's checkout on the path."""
    network: Any = importlib.import_module("bsq_vae.flux_vqgan")
    # The package itself imports what its transformer needs.
    packages = {name: mock.MagicMock() for name in ("infinity", "infinity.models", "infinity.models.bsq_vae")}
    with mock.patch.dict(sys.modules, {**packages, "infinity.models.bsq_vae.flux_vqgan": network}):
        vae: Any = importlib.import_module("bsq_vae.vae")
    (case,) = CASES

    def narrow(arguments: argparse.Namespace) -> Any:
        return network.AutoEncoder(argparse.Namespace(**{**vars(arguments), "base_ch": case.config["base_ch"]}))

    with mock.patch.object(vae, "AutoEncoder", narrow):
        model = vae.vae_model({}, "dynamic", BITS, 2**BITS, True, 16, _CHANNELS, _CHANNELS)
    shapes = fill(model)
    scales = [(1, scale, scale) for scale in case.config["scales"]]
    _, latents, _, scale_bits, _, _ = model.encode(case.images(), scales)
    values = 2 ** torch.arange(GROUP - 1, -1, -1)
    groups = [group for bits in scale_bits for group in bits[:, 0].long().split(GROUP, -1)]
    codes = {f"codes_{level}": (group * values).sum(-1) for level, group in enumerate(groups)}
    store("infinity", {case.name: {"shapes": shapes, "decoded": model.decoder(latents)[-1:], **codes}})


if __name__ == "__main__":
    write()
