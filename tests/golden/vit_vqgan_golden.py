"""ViT-VQGAN: github.com/thuanz123/enhancing-transformers."""

from __future__ import annotations

import importlib
import sys
from types import SimpleNamespace
from typing import Any
from unittest import mock

import numpy as np
import torch
from cases import Golden, fill, store

CASES = (
    Golden(
        "vit_vqgan",
        "bench.modalities.image.tokenizers.vit_vqgan:ViTVQGAN",
        "thuanz123/enhancing-transformers e1c185da, enhancing/modules/stage1/{vitvqgan,layers,quantizers}.py (MIT)",
        {
            "image_size": 64,
            "patch_size": 8,
            "encoder": {"dim": 32, "depth": 2, "heads": 2, "mlp_dim": 48},
            "decoder": {"dim": 16, "depth": 1, "heads": 3, "mlp_dim": 32},
            "quantizer": {"embed_dim": 8, "n_embed": 32},
        },
        side=64,
    ),
)


@torch.no_grad()
def write() -> None:
    """Write ``vit_vqgan.npz``, with the publisher's checkout on the path; what only its training needs is left out."""
    (case,) = CASES
    names = ("omegaconf", "torchvision", "pytorch_lightning", "enhancing.utils", "enhancing.utils.general")
    stubs = {name: mock.MagicMock() for name in names}
    stubs["pytorch_lightning"].LightningModule = torch.nn.Module
    # numpy no longer has this name of float64.
    with mock.patch.dict(sys.modules, stubs), mock.patch.object(np, "float", float, create=True):
        vitvqgan: Any = importlib.import_module("enhancing.modules.stage1.vitvqgan")
        parts = {key: _Both(**value) if isinstance(value, dict) else value for key, value in case.config.items()}
        vitvqgan.initialize_from_config = lambda _: torch.nn.Module()
        model = vitvqgan.ViTVQ(image_key="image", loss=None, **parts)
    shapes = fill(model)
    codes = model.encode_codes((case.images() + 1) / 2)
    decoded = 2 * model.decode_codes(codes)[-1:] - 1
    store("vit_vqgan", {case.name: {"shapes": shapes, "decoded": decoded, "codes_0": codes.unflatten(1, (8, 8))}})


class _Both(SimpleNamespace):
    """Values by attribute and as keyword arguments, as of OmegaConf."""

    def keys(self) -> Any:
        return vars(self).keys()

    def __getitem__(self, key: str) -> Any:
        return vars(self)[key]


if __name__ == "__main__":
    write()
