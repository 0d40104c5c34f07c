"""BSQ-ViT: github.com/zhaoyue-zephyrus/bsq-vit."""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import Any

import torch
from cases import Golden, fill, store

_TARGET = "bench.modalities.image.tokenizers.bsqvit:BSQViT"
_MADE_BY = "zhaoyue-zephyrus/bsq-vit 37d212d2, transcoder/models/{bsqvit,transformer,quantizer/bsq}.py (MIT)"
_ANY = {"embed_dim": 6, "l2_norm": True, "post_q_l2_norm": True, "logit_laplace": False}
_VIT = {"patch_size": 8, "width": 16, "layers": 2, "heads": 2, "mlp_ratio": 4}
CASES = (
    Golden("bsqvit", _TARGET, _MADE_BY, _ANY | {"vitconfig": _VIT | {"image_size": 64}}, side=64),
    Golden("bsqvit-grouped", _TARGET, _MADE_BY, _ANY | {"vitconfig": _VIT | {"image_size": 32}, "code_bits": [3, 3]}),
)


def _networks() -> Any:
    """The publisher's module, with stand-ins for what it imports of timm to train it."""
    layers: Any = ModuleType("timm.models.layers")
    layers.to_2tuple, layers.DropPath = lambda side: (side, side), torch.nn.Identity
    layers.trunc_normal_ = torch.nn.init.trunc_normal_
    sys.modules |= {"timm": ModuleType("timm"), "timm.models": ModuleType("timm.models"), layers.__name__: layers}
    return importlib.import_module("transcoder.models.bsqvit")


@torch.no_grad()
def write() -> None:
    """Write ``bsqvit.npz``, with the publisher's checkout on the path."""
    networks = _networks()
    arrays = {}
    for case in CASES:
        arguments = {name: value for name, value in case.config.items() if name != "code_bits"}
        groups = case.config.get("code_bits", [])
        if groups:
            arguments["embed_group_size"] = groups[0]
        model = networks.VITBSQModel(**{"embed_group_size": 1} | arguments, clamp_range=(-1, 1))
        shapes = fill(model)
        decoded, _, info = model(case.images())
        grid = [arguments["vitconfig"]["image_size"] // arguments["vitconfig"]["patch_size"]] * 2
        levels = info["group_indices"].unbind(-1) if groups else [info["indices"]]
        arrays[case.name] = {"shapes": shapes, "decoded": decoded[-1:]}
        arrays[case.name] |= {f"codes_{level}": code.unflatten(1, grid) for level, code in enumerate(levels)}
    store("bsqvit", arrays)


if __name__ == "__main__":
    write()
