"""Cosmos-Tokenizer's image tokenizers: github.com/NVIDIA/Cosmos-Tokenizer; its modules need einops and loguru."""

from __future__ import annotations

import importlib
from typing import Any

import torch
from cases import Golden, fill, store

_MADE_BY = (
    "NVIDIA/Cosmos-Tokenizer 3584ae75, networks/{discrete_image,continuous_image}.py with "
    "modules/{layers2d,patching,quantizers}.py (Apache-2.0)"
)
_ANY = {"channels": 32, "channels_mult": [1, 2], "num_res_blocks": 1, "patch_size": 4, "z_channels": 8}
_TOKENIZERS = "bench.modalities.image.tokenizers.cosmos"
_FINITE = {"embedding_dim": 3, "levels": [8, 5, 2]}
CASES = (
    # With two stages in place of three: the grid is halved after all stages but the last, as for f16, or after none.
    Golden("cosmos-di", f"{_TOKENIZERS}:CosmosDI", _MADE_BY, {**_ANY, **_FINITE, "spatial_compression": 8}),
    Golden("cosmos-di-fewer", f"{_TOKENIZERS}:CosmosDI", _MADE_BY, {**_ANY, **_FINITE, "spatial_compression": 4}),
    Golden("cosmos-ci", f"{_TOKENIZERS}:CosmosCI", _MADE_BY, {**_ANY, "latent_channels": 4, "spatial_compression": 8}),
)


@torch.no_grad()
def write() -> None:
    """Write ``cosmos.npz``, with the checkout on the path."""
    discrete: Any = importlib.import_module("cosmos_tokenizer.networks.discrete_image")
    continuous: Any = importlib.import_module("cosmos_tokenizer.networks.continuous_image")
    # As in the publisher's configurations, no stage attends.
    rest = {"in_channels": 3, "out_channels": 3, "resolution": 1024, "attn_resolutions": [32], "dropout": 0.0}
    rest |= {"patch_method": "haar", "z_factor": 1}
    arrays = {}
    for case in CASES:
        if case.target.endswith("DI"):
            model = discrete.DiscreteImageTokenizer(**case.config, **rest, quantizer="FSQ").to(dtype=torch.float32)
            shapes = fill(model)
            codes, _, _ = model.encode(case.images())
            arrays[case.name] = {"shapes": shapes, "codes_0": codes, "decoded": model.decode_code(codes)[-1:]}
        else:
            model = continuous.ContinuousImageTokenizer(**case.config, **rest, formulation="AE")
            shapes = fill(model)
            latents, _ = model.encode(case.images())
            arrays[case.name] = {"shapes": shapes, "latents": latents.movedim(1, -1)}
            arrays[case.name]["decoded"] = model.decode(latents)[-1:]
    store("cosmos", arrays)


if __name__ == "__main__":
    write()
