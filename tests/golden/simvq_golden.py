"""SimVQ's image tokenizer: github.com/youngsheen/SimVQ."""

from __future__ import annotations

import importlib
from typing import Any

import stand_ins
import torch
from cases import Golden, fill, store

_DDCONFIG = {
    "double_z": False,
    "z_channels": 8,
    "resolution": 16,
    "in_channels": 3,
    "out_ch": 3,
    "ch": 32,
    "ch_mult": [1, 2],
    "num_res_blocks": 1,
}
CASES = (
    Golden(
        "simvq",
        "bench.modalities.image.tokenizers.simvq:SimVQ",
        "youngsheen/SimVQ d8bd94d9, taming/models/vq.py, taming/modules/vqvae/quantize.py, "
        "taming/modules/diffusionmodules/improved_model.py (MIT)",
        {"ddconfig": _DDCONFIG, "quantconfig": {"params": {"n_e": 24, "e_dim": 8}}},
        side=16,
    ),
)


@torch.no_grad()
def write() -> None:
    """Write ``simvq.npz``, with SimVQ's checkout on the path."""
    quantizers: Any = importlib.import_module("taming.modules.vqvae.quantize")
    stand_ins.lightning(
        instantiate_from_config=lambda config: quantizers.SimVQ(**config["params"]) if config else torch.nn.Identity()
    )
    networks: Any = importlib.import_module("taming.models.vq")
    arrays = {}
    for case in CASES:
        model = networks.VQModel(**case.config, lossconfig=None)
        shapes = fill(model)
        latents, _, codes, _ = model.encode(case.images())
        arrays[case.name] = {
            "shapes": shapes,
            "codes_0": codes.view(len(latents), *latents.shape[2:]),
            "decoded": model.decode(latents)[-1:],
        }
    store("simvq", arrays)


if __name__ == "__main__":
    write()
