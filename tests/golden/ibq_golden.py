"""IBQ's tokenizer: github.com/TencentARC/SEED-Voken."""

from __future__ import annotations

import importlib
from typing import Any

import stand_ins
import torch
from cases import Golden, store
from ddconfig_models import DDCONFIG, arrays_of

CASES = (
    Golden(
        "ibq",
        "bench.modalities.image.tokenizers.ibq:IBQ",
        "TencentARC/SEED-Voken b9a17eac, src/IBQ/models/ibqgan.py, src/IBQ/modules/{vqvae/quantize,"
        "diffusionmodules/model}.py (Apache-2.0)",
        {"ddconfig": DDCONFIG, "embed_dim": 8, "n_embed": 24},
    ),
)


@torch.no_grad()
def write() -> None:
    """Write ``ibq.npz``, with SEED-Voken's checkout on the path."""
    stand_ins.lightning(instantiate_from_config=lambda config: torch.nn.Identity())
    networks: Any = importlib.import_module("src.IBQ.models.ibqgan")
    store("ibq", {case.name: arrays_of(networks.IBQ(**case.config, lossconfig=None), case) for case in CASES})


if __name__ == "__main__":
    write()
