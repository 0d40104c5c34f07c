"""VQGAN-LC: github.com/zh460045050/VQGAN-LC."""

from __future__ import annotations

import importlib
import tempfile
from argparse import Namespace
from pathlib import Path
from typing import Any

import stand_ins
import torch
from cases import Golden, store
from ddconfig_models import DDCONFIG, arrays_of

STORED = 12
"""Channels of the entries before the linear layer."""
CASES = (
    Golden(
        "lc",
        "bench.modalities.image.tokenizers.vqgan_lc:VQGANLC",
        "zh460045050/VQGAN-LC 4708958f, vqgan-gpt-lc/models/{models_vq,encoder_decoder}.py (states no license)",
        {"ddconfig": DDCONFIG, "embed_dim": 4, "n_vision_words": 24},
    ),
)


class Module(torch.nn.Module):
    """Stands for the discriminator and for LPIPS."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()


@torch.no_grad()
def write() -> None:
    """Write ``lc.npz``, with the folder ``vqgan-gpt-lc`` of VQGAN-LC's checkout on the path."""
    stand_ins.module("models.discriminator", NLayerDiscriminator=Module, weights_init=lambda module: None)
    stand_ins.module("models.lpips", LPIPS=Module)
    networks: Any = importlib.import_module("models.models_vq")
    arrays = {}
    for case in CASES:
        with tempfile.TemporaryDirectory() as folder:
            entries = Path(folder) / "codebook.pth"
            torch.save(torch.zeros(case.config["n_vision_words"], STORED), entries)
            args = Namespace(stage=1, embed_dim=case.config["embed_dim"], rate_p=1, quantizer_type="org")
            vars(args).update(tuning_codebook=0, use_cblinear=1, local_embedding_path=entries)
            model = networks.VQModel(args, case.config["ddconfig"], case.config["embed_dim"])
        arrays[case.name] = arrays_of(model, case)
    store("lc", arrays)


if __name__ == "__main__":
    write()
