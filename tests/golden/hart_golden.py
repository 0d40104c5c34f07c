"""HART's tokenizer: github.com/mit-han-lab/hart."""

from __future__ import annotations

import importlib
import sys
from typing import Any
from unittest import mock

import torch
from cases import Golden, fill, store

_ANY = {"vocab_size": 16, "z_channels": 8, "ch": 32, "v_patch_nums": [1, 2, 3], "quantizer_type": "var_hybrid"}
CASES = tuple(
    Golden(
        f"hart-{name}",
        f"bench.modalities.image.tokenizers.hart:{kind}",
        "mit-han-lab/hart e28a41fe, hart/modules/{networks/basic_vae,models/autoencoder/hart_autoencoder,models/"
        "autoencoder/quantize/{hart_hybrid_quantize,var_quantize_multiple_res}}.py (MIT) on transformers 5.23.0",
        {"model_type": "hart_autoencoder", **_ANY},
        side=48,
    )
    for name, kind in (("hybrid", "HART"), ("codes", "HARTCodes"))
)


@torch.no_grad()
def write() -> None:
    """Write ``hart.npz``, with HART's checkout on the path; its discriminator is left out."""
    with mock.patch.dict(sys.modules, {"hart.modules.losses.vqgan": mock.MagicMock()}):
        package: Any = importlib.import_module("hart.modules.models.autoencoder.hart_autoencoder")
    arrays: dict[str, dict[str, Any]] = {}
    for case in CASES:
        model = package.HARTAutoEncoder(package.HARTAutoEncoderConfig(**_ANY))
        shapes = fill(model)
        maps = model.quant_conv(model.encoder(case.images()))
        *codes, rest = model.quantize.f_to_idxBl_and_frest(maps)
        arrays[case.name] = {"shapes": shapes}
        for level, (code, side) in enumerate(zip(codes, case.config["v_patch_nums"], strict=True)):
            arrays[case.name][f"codes_{level}"] = code.unflatten(1, (side, side))
        if case.name == "hart-hybrid":
            # What its transformer's head draws: the residual of the entries of the finest scale.
            residual = rest - model.quantize.embedding(codes[-1])
            arrays[case.name]["latents"] = residual.unflatten(1, (side, side))
            maps = model.quantize(maps)[0]
        else:
            maps = model.idxBl_to_fhat(codes, same_shape=True, last_one=True)
        arrays[case.name]["decoded"] = model.decoder(model.post_quant_conv(maps))[-1:]
    store("hart", arrays)


if __name__ == "__main__":
    write()
