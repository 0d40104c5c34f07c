"""Show-o's MAGVIT-v2: github.com/showlab/Show-o."""

from __future__ import annotations

import importlib.util
import sys
from types import ModuleType
from typing import Any

import torch
from cases import Golden, fill, store

CASES = (
    Golden(
        "showo",
        "bench.modalities.image.tokenizers.showo:ShowO",
        "showlab/Show-o 45a5a2de, models/{modeling_magvitv2,common_modules}.py (Apache-2.0)",
        {
            "_class_name": "MAGVITv2",
            "encoder": {"ch": 32, "ch_mult": [1, 2, 2], "num_res_blocks": [1, 2, 1]},
            "decoder": {"ch": 32, "ch_mult": [1, 1, 2], "num_res_blocks": [2, 1, 1]},
            "z_channels": 5,
        },
    ),
)


def _networks() -> Any:
    """The publisher's module, whose package and base classes want other packages and older versions of libraries."""
    spec = importlib.util.find_spec("models")
    assert spec is not None
    package: Any = ModuleType("models")
    package.__path__ = spec.submodule_search_locations
    bases: Any = ModuleType("models.modeling_utils")
    bases.ModelMixin, bases.ConfigMixin, bases.register_to_config = torch.nn.Module, object, lambda method: method
    types: Any = ModuleType("models.misc")
    types.List = list
    sys.modules |= {"models": package, "models.modeling_utils": bases, "models.misc": types}
    return importlib.import_module("models.modeling_magvitv2")


@torch.no_grad()
def write() -> None:
    """Write ``showo.npz``, with Show-o's checkout on the path."""
    networks = _networks()
    arrays = {}
    for case in CASES:
        channels = case.config["z_channels"]
        model: Any = torch.nn.Module()
        model.encode = networks.MAGVITv2.encode.__get__(model)
        model.encoder = networks.VQGANEncoder(**case.config["encoder"], z_channels=channels)
        model.decoder = networks.VQGANDecoder(**case.config["decoder"], z_channels=channels)
        model.quantize = networks.LFQuantizer(codebook_dim=channels)
        shapes = fill(model)
        quantized, codes = model.encode(case.images())
        arrays[case.name] = {
            "shapes": shapes,
            "codes_0": codes.view(len(codes), *quantized.shape[2:]),
            "decoded": model.decoder(quantized)["output"][-1:],
        }
    store("showo", arrays)


if __name__ == "__main__":
    write()
