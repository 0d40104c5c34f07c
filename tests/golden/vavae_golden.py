"""VA-VAE: github.com/hustvl/LightningDiT."""

from __future__ import annotations

import importlib
from typing import Any

import torch
from cases import Golden, fill, store

NETWORK = {
    "ch": 32,
    "ch_mult": [1, 2],
    "num_res_blocks": 1,
    "z_channels": 4,
    "resolution": 32,
    "attn_resolutions": [16],
}
CASES = (
    Golden(
        "vavae",
        "bench.modalities.image.tokenizers.diffusers_autoencoders:AutoencoderKL",
        "hustvl/LightningDiT 2725fed4, tokenizer/autoencoder.py (MIT)",
        {"embed_dim": 4, "ddconfig": {**NETWORK, "double_z": True, "in_channels": 3, "out_ch": 3}},
    ),
)


@torch.no_grad()
def write(module: str, case: Golden, decoder: dict[str, Any]) -> None:
    """Write the arrays of a case, with the checkout on the path.

    Args:
        module: has the publisher's ``AutoencoderKL``, ``Encoder`` and ``Decoder``. The first fixes the width and the
            resolution of the others, which a test has smaller.
        decoder: arguments of the decoder.
    """
    networks: Any = importlib.import_module(module)
    model = networks.AutoencoderKL(embed_dim=4, ch_mult=(1,))
    model.encoder, model.decoder = networks.Encoder(**NETWORK), networks.Decoder(**decoder)
    shapes = fill(model)
    latents = model.encode(case.images()).mode()
    arrays = {"shapes": shapes, "latents": latents.movedim(1, -1), "decoded": model.decode(latents)[-1:]}
    store(case.name, {case.name: arrays})


if __name__ == "__main__":
    write("tokenizer.autoencoder", CASES[0], NETWORK)
