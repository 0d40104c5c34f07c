"""First stages of latent-diffusion (LDM), VQ and KL, as files: their publisher has them as archives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bench.lines.checkpoints import Family
from bench.registry import Entry

_SOURCE = "Rombach et al. 2022, arXiv 2112.10752; github.com/CompVis/latent-diffusion"
_LICENSE = "not stated; the code is MIT"
VQ = Family("bench.modalities.image.tokenizers.diffusers_vq:VQModel", _SOURCE, "image", extra="hf")
KL = Family(
    "bench.modalities.image.tokenizers.diffusers_autoencoders:AutoencoderKL", _SOURCE, "image", "continuous", "hf"
)


def _config(channels: int, factors: Sequence[int], attending: Sequence[int], **entries: int) -> dict[str, Any]:
    """``model.params`` of a file in ``models/first_stage_models``.

    Args:
        channels: of latents.
        factors: ``ch_mult``.
        attending: sides of the grids with attention, for 256x256 pixels; the middle has it in any case.
        entries: ``n_embed`` of a codebook.
    """
    ddconfig = {
        "double_z": not entries,
        "z_channels": channels,
        "resolution": 256,
        "in_channels": 3,
        "out_ch": 3,
        "ch": 128,
        "ch_mult": list(factors),
        "num_res_blocks": 2,
        "attn_resolutions": list(attending),
    }
    return {"embed_dim": channels, "ddconfig": ddconfig, **entries}


_F4 = _config(3, (1, 2, 4), (), n_embed=8192)
VQ_CONFIGS = {
    "ldm-vq-f4": ("VQ f4, 8192 entries", _F4),
    "ldm-vq-f4-noattn": (
        "VQ f4 without attention, 8192 entries",
        _F4 | {"ddconfig": _F4["ddconfig"] | {"attn_type": "none"}},
    ),
    "ldm-vq-f8": ("VQ f8, 16384 entries", _config(4, (1, 2, 2, 4), (32,), n_embed=16384)),
    "ldm-vq-f8-n256": ("VQ f8, 256 entries", _config(4, (1, 2, 2, 4), (32,), n_embed=256)),
    "ldm-vq-f16": ("VQ f16, 16384 entries", _config(8, (1, 1, 2, 2, 4), (16,), n_embed=16384)),
}
KL_CONFIGS = {
    "ldm-kl-f4": ("KL f4, 3 channels", _config(3, (1, 2, 4), ())),
    "ldm-kl-f8": ("KL f8, 4 channels", _config(4, (1, 2, 4, 4), ())),
    "ldm-kl-f16": ("KL f16, 16 channels", _config(16, (1, 1, 2, 2, 4), (16,))),
    "ldm-kl-f32": ("KL f32, 64 channels", _config(64, (1, 1, 2, 2, 4, 4), (16, 8))),
}

ENTRIES: tuple[Entry, ...] = tuple(
    family.files(name, f"latent-diffusion's {what}", _LICENSE, config=config, weights="raw")
    for family, configs in ((VQ, VQ_CONFIGS), (KL, KL_CONFIGS))
    for name, (what, config) in configs.items()
)
