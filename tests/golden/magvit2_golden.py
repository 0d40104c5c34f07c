"""Open-MAGVIT2 and WeTok: github.com/TencentARC/SEED-Voken, github.com/zhuangshaobin/WeTok."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any
from unittest import mock

import torch
from cases import Golden, fill, store

from bench.modalities.image.networks.magvit2 import noise_like

_NETWORK: dict[str, Any] = {"double_z": False, "z_channels": 6, "resolution": 128, "in_channels": 3, "out_ch": 3}
_NETWORK |= {"ch": 32, "ch_mult": [1, 2], "num_res_blocks": 1}
_TARGET = "bench.modalities.image.tokenizers.magvit2:MAGVIT2"
_MAGVIT2 = (
    "TencentARC/SEED-Voken b9a17eac, src/Open_MAGVIT2/modules/{diffusionmodules/improved_model,"
    "vqvae/lookup_free_quantize}.py (Apache-2.0)"
)
_WETOK = (
    "zhuangshaobin/WeTok caa2ad7e, src/WeTok/modules/{diffusionmodules/improved_model,vqvae/lookup_free_quantize}.py "
    "(Apache-2.0)"
)
_ONE = {"ddconfig": _NETWORK, "n_embed": 64, "embed_dim": 6}
_TWO = {"ddconfig": _NETWORK, "n_embed": 8, "embed_dim": 6, "num_codebooks": 2}
_FACTORS = {"token_factorization": True, "factorized_bits": [2, 4]}
CASES = (
    Golden("magvit2", _TARGET, _MAGVIT2, _ONE, side=16),
    Golden("magvit2-factorized", _TARGET, _MAGVIT2, _ONE | _FACTORS, side=16),
    Golden("magvit2-grouped", _TARGET, _WETOK, _TWO, side=16),
    Golden(
        "magvit2-generative", _TARGET, f"{_WETOK}; its noise is the tokenizer's", _TWO | {"gan_decoder": True}, side=16
    ),
)


class _Model(torch.nn.Module):
    """The publishers' encoder, quantizer and decoder, without what trains them."""

    def __init__(self, package: str, config: Mapping[str, Any]) -> None:
        super().__init__()
        networks: Any = importlib.import_module(f"{package}.modules.diffusionmodules.improved_model")
        quantizers: Any = importlib.import_module(f"{package}.modules.vqvae.lookup_free_quantize")
        self.encoder = networks.Encoder(**config["ddconfig"])
        self.decoder = (networks.GANDecoder if config.get("gan_decoder") else networks.Decoder)(**config["ddconfig"])
        kept = ("num_codebooks", "token_factorization", "factorized_bits")
        arguments = {name: config[name] for name in kept if name in config}
        self.quantize = quantizers.LFQ(dim=config["embed_dim"], codebook_size=config["n_embed"], **arguments)


@torch.no_grad()
def write() -> None:
    """Write ``magvit2.npz``, with both checkouts on the path."""
    arrays = {}
    for case in CASES:
        grouped = "num_codebooks" in case.config
        model = _Model("src.WeTok" if grouped else "src.Open_MAGVIT2", case.config)
        shapes = fill(model)
        latents = model.encoder(case.images())
        quantized, _, codes = model.quantize(latents)
        with mock.patch("torch.randn_like", noise_like):
            decoded = model.decoder(quantized)
        arrays[case.name] = {"shapes": shapes, "decoded": decoded[-1:]}
        grid = (len(latents), *latents.shape[2:])
        levels = codes if isinstance(codes, tuple) else codes.view(*grid, -1).unbind(-1)
        for level, code in enumerate(levels):
            arrays[case.name][f"codes_{level}"] = code.view(grid)
    store("magvit2", arrays)


if __name__ == "__main__":
    write()
