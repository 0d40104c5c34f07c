"""OmniTokenizer: github.com/FoundationVision/OmniTokenizer."""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import sys
import types
from typing import Any
from unittest import mock

import torch
from cases import Golden, fill, store

_ANY = {
    "resolution": 32,
    "patch_size": 8,
    "embedding_dim": 16,
    "dim_head": 8,
    "heads": 2,
    "ff_mult": 4.0,
    "enc_block": "tw",
    "dec_block": "tt",
    "twod_window_size": 2,
    "temporal_depth": 1,
    "n_codes": 32,
    "codebook_dim": 4,
}
_ROOM = "bench.modalities.image.tokenizers.omnitokenizer"
_MADE_BY = "FoundationVision/OmniTokenizer 701b6190, OmniTokenizer/{omnitokenizer,modules/{attention,codebook,vae}}.py"
CASES = tuple(
    Golden(
        f"omnitokenizer-{name}",
        f"{_ROOM}:{kind}",
        f"{_MADE_BY} (MIT)",
        {**_ANY, "spatial_pos": positions, "use_vae": name == "vae"},
    )
    for name, kind, positions in (
        ("rope", "OmniTokenizerVQ", "rope"),
        ("rel", "OmniTokenizerVQ", "rel"),
        ("vae", "OmniTokenizerVAE", "rope"),
    )
)
CHOICES = {
    "image_channels": 3,
    "norm_type": "batch",
    "patch_embed": "linear",
    "temporal_patch_size": 4,
    "defer_temporal_pool": False,
    "defer_spatial_pool": False,
    "causal_in_temporal_transformer": True,
    "causal_in_peg": True,
    "attn_dropout": 0.0,
    "ff_dropout": 0.0,
    "sequence_length": 17,
    "use_external_codebook": False,
    "no_random_restart": True,
    "restart_thres": 1.0,
    "l2_code": True,
    "gen_upscale": None,
}
"""Flags of its evaluation, and what only its training uses."""
TRAINING = [
    "apply_allframes",
    "gan_feat_weight",
    "disc_channels",
    "disc_layers",
    "image_gan_weight",
    "video_gan_weight",
    "perceptual_weight",
    "l1_weight",
    "grad_accumulates",
    "grad_clip_val",
    "recon_loss_type",
]


@torch.no_grad()
def write() -> None:
    """Write ``omnitokenizer.npz``, with OmniTokenizer's checkout on the path."""
    omnitokenizer = _imported()
    arrays: dict[str, dict[str, Any]] = {}
    for case in CASES:
        sizes = {**case.config, "spatial_depth": len(case.config["enc_block"]), "disc_loss_type": "hinge"}
        model = omnitokenizer.VQGAN(argparse.Namespace(**dict.fromkeys(TRAINING, 0), **CHOICES, **sizes))
        shapes = fill(model)
        images = case.images() / 2
        # Without scaled_dot_product_attention, its attention adds the bias of distances; the version decides.
        version = "2.0.0" if case.config["spatial_pos"] == "rel" else torch.__version__
        with mock.patch.object(torch, "__version__", version):
            if case.config["use_vae"]:
                mean = model.pre_vq_conv(model.encoder(images, True)).chunk(2, 1)[0].squeeze(2)
                tokens = {"latents": mean.movedim(1, -1)}
                decoded = model.decode(mean, True)
            else:
                codes = model.encode(images, True)
                tokens = {"codes_0": codes.squeeze(1)}
                decoded = model.decode(codes, True)
        arrays[case.name] = {"shapes": shapes, "decoded": 2 * decoded[-1:].squeeze(2), **tokens}
    store("omnitokenizer", arrays)


def _imported() -> Any:
    """Its module, without what only data, losses and training need."""
    package = importlib.util.find_spec("OmniTokenizer")
    assert package is not None
    needed = ("OmniTokenizer", "OmniTokenizer.modules")
    stubs: dict[str, Any] = {name: importlib.util.module_from_spec(package) for name in needed}
    stubs["OmniTokenizer.modules"].__path__ = [f"{stubs['OmniTokenizer'].__path__[0]}/modules"]
    for name in ("pytorch_lightning", "timm", "timm.scheduler", "timm.scheduler.cosine_lr", "timm.models"):
        stubs[name] = mock.MagicMock()
    for name in ("timm.models.layers", "fairscale", "fairscale.nn", "beartype"):
        stubs[name] = mock.MagicMock()
    for name in ("utils", "base", "quantizer", "quantizer.vector_quantize_pytorch"):
        stubs[f"OmniTokenizer.{name}"] = mock.MagicMock()
    stubs["beartype"].beartype = lambda function: function
    stubs["pytorch_lightning"].LightningModule = _Lightning
    stubs["OmniTokenizer.utils"].shift_dim = lambda tensor, source, target: tensor.movedim(source, target)
    stubs["OmniTokenizer.base"] = types.SimpleNamespace(
        **dict.fromkeys(("Normalize", "NLayerDiscriminator", "NLayerDiscriminator3D"), _Nothing)
    )
    with mock.patch.dict(sys.modules, stubs):
        stubs["OmniTokenizer.modules"].Codebook = importlib.import_module("OmniTokenizer.modules.codebook").Codebook
        stubs["OmniTokenizer.modules"].LPIPS = _Nothing
        return importlib.import_module("OmniTokenizer.omnitokenizer")


class _Lightning(torch.nn.Module):
    """A LightningModule as far as it matters here."""

    def save_hyperparameters(self) -> None:
        """Do nothing."""


class _Nothing(torch.nn.Module):
    """A module that only training has."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()


if __name__ == "__main__":
    write()
