"""MaskBit's tokenizers: github.com/markweberdev/maskbit."""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import Any

import torch
from cases import Golden, fill, store

_ANY = {"hidden_channels": 32, "channel_mult": [1, 1, 2], "num_res_blocks": 1}
_SIGNS = {"model_class": "vqgan+", "quantizer_type": "lookup-free", "codebook_size": 64, "token_size": 6}
_ENTRIES = {"quantizer_type": "lookup", "codebook_size": 16, "token_size": 8}
CASES = tuple(
    Golden(
        f"maskbit-{name}",
        "bench.modalities.image.tokenizers.maskbit:MaskBit",
        "markweberdev/maskbit 5ea3d733, modeling/{conv_vqgan,modules/autoencoder,quantizer/*}.py (Apache-2.0)",
        config,
    )
    for name, config in {
        "bits": _ANY | _SIGNS | {"sample_with_conv": True},
        "plus": _ANY | _ENTRIES | {"sample_with_conv": True, "model_class": "vqgan+", "num_res_blocks_decoder": 2},
        "legacy": _ANY | _ENTRIES | {"sample_with_conv": False, "model_class": "maskgit", "use_l2_normalisation": True},
    }.items()
)


@torch.no_grad()
def write() -> None:
    """Write ``maskbit.npz``, with the checkout on the path, einops and omegaconf installed."""
    # The package of the network imports the discriminator and the losses of training, which need more packages.
    package = ModuleType("modeling.modules")
    package.__path__ = [f"{place}/modules" for place in importlib.import_module("modeling").__path__]
    sys.modules["modeling.modules"] = package
    parts: Any = importlib.import_module("modeling.modules.autoencoder")
    package.__dict__.update(vars(parts), BaseModel=importlib.import_module("modeling.modules.base_model").BaseModel)
    networks: Any = importlib.import_module("modeling.conv_vqgan")
    omegaconf: Any = importlib.import_module("omegaconf")
    training = {f"entropy_{name}": 0.0 for name in ("loss_weight", "loss_temperature", "gamma")}
    arrays = {}
    for case in CASES:
        stated = {"num_channels": 3, "num_resolutions": 3, "commitment_cost": 0.25, **training, **case.config}
        model = networks.ConvVQModel(omegaconf.OmegaConf.create(stated), legacy=stated["model_class"] == "maskgit")
        shapes = fill(model)
        decoded, results = model((case.images() + 1) / 2)
        codes = results["min_encoding_indices"]
        arrays[case.name] = {"shapes": shapes, "codes_0": codes, "decoded": 2 * decoded[-1:] - 1}
    store("maskbit", arrays)


if __name__ == "__main__":
    write()
