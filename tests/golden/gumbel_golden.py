"""taming-transformers' Gumbel VQGAN: the wheel taming-transformers-rom1504."""

from __future__ import annotations

import importlib
from typing import Any

import stand_ins
import torch
from cases import Golden, fill, store
from ddconfig_models import DDCONFIG

CASES = (
    Golden(
        "gumbel",
        "bench.modalities.image.tokenizers.gumbel_vq:GumbelVQ",
        "taming-transformers-rom1504 0.0.6, models/vqgan.py, modules/{vqvae/quantize,diffusionmodules/model}.py "
        "(MIT by the repository; the wheel states none)",
        {"ddconfig": DDCONFIG, "embed_dim": 8, "n_embed": 24},
    ),
)


@torch.no_grad()
def write() -> None:
    """Write ``gumbel.npz``, with the unpacked wheel on the path; the codes are the largest of the wheel's logits."""
    stand_ins.lightning()
    stand_ins.module("taming.main", instantiate_from_config=lambda config: torch.nn.Identity())
    networks: Any = importlib.import_module("taming.models.vqgan")
    arrays = {}
    for case in CASES:
        model = networks.GumbelVQ(**case.config, lossconfig=None, temperature_scheduler_config=None)
        shapes = fill(model)
        latents = model.encode_to_prequant(case.images())
        codes = model.quantize(latents, return_logits=True)[-1].argmax(1)
        entries = model.quantize.get_codebook_entry(codes.flatten(), (*codes.shape, case.config["embed_dim"]))
        arrays[case.name] = {"shapes": shapes, "codes_0": codes, "decoded": model.decode(entries)[-1:]}
    store("gumbel", arrays)


if __name__ == "__main__":
    write()
