"""RQ-VAE: github.com/kakaobrain/rq-vae-transformer."""

from __future__ import annotations

import importlib
from typing import Any

import stand_ins
import torch
from cases import Golden, fill, store
from ddconfig_models import DDCONFIG


def _case(name: str, shared: bool) -> Golden:
    hparams = {
        "bottleneck_type": "rq",
        "embed_dim": 8,
        "n_embed": 16,
        "latent_shape": [8, 8, 8],
        "code_shape": [8, 8, 3],
        "shared_codebook": shared,
        "decay": 0.99,
        "restart_unused_codes": True,
    }
    return Golden(
        name,
        "bench.modalities.image.tokenizers.rqvae:RQVAE",
        "kakaobrain/rq-vae-transformer 341395e5, rqvae/models/rqvae/*.py (Apache-2.0)",
        {"type": "rq-vae", "hparams": hparams, "ddconfig": DDCONFIG},
    )


CASES = (_case("rqvae", shared=True), _case("rqvae-separate", shared=False))


@torch.no_grad()
def write() -> None:
    """Write ``rqvae.npz``, with RQ-VAE's checkout on the path."""
    stand_ins.module("rqvae.models.rqtransformer", get_rqtransformer=None)
    networks: Any = importlib.import_module("rqvae.models.rqvae")
    arrays = {}
    for case in CASES:
        model = networks.RQVAE(**case.config["hparams"], ddconfig=case.config["ddconfig"])
        shapes = fill(model)
        decoded, _, codes = model(case.images())
        arrays[case.name] = {"shapes": shapes, "decoded": decoded[-1:]}
        arrays[case.name] |= {f"codes_{level}": code for level, code in enumerate(codes.unbind(-1))}
    store("rqvae", arrays)


if __name__ == "__main__":
    write()
