"""RQ-VAE's tokenizers, as files: their publisher has them in archives with RQ-Transformers."""

from __future__ import annotations

from typing import Any

from bench.lines.checkpoints import Family
from bench.registry import Entry

FAMILY = Family(
    "bench.modalities.image.tokenizers.rqvae:RQVAE",
    "Lee et al. 2022, arXiv 2203.01941; github.com/kakaobrain/rq-vae-transformer",
    "image",
)

F32 = {
    "double_z": False,
    "z_channels": 256,
    "resolution": 256,
    "in_channels": 3,
    "out_ch": 3,
    "ch": 128,
    "ch_mult": [1, 1, 2, 2, 4, 4],
    "num_res_blocks": 2,
    "attn_resolutions": [8],
}


def config(ddconfig: dict[str, Any], levels: int = 4, entries: int = 16384) -> dict[str, Any]:
    """``arch`` of a YAML file of the publisher, or of one that has trained its network anew."""
    side = 256 // 2 ** (len(ddconfig["ch_mult"]) - 1)
    chosen = {"latent_shape": [side, side, 256], "code_shape": [side, side, levels], "shared_codebook": True}
    return {"hparams": {"embed_dim": 256, "n_embed": entries, **chosen}, "ddconfig": ddconfig}


def _line(name: str, summary: str, arguments: dict[str, Any]) -> Entry:
    # The script that evaluates them reads ``state_dict``, not the average beside it.
    return FAMILY.files(name, summary, "CC-BY-NC-SA-4.0", config=arguments, weights="raw")


ENTRIES: tuple[Entry, ...] = (
    _line(
        "rqvae-imagenet",
        "RQ-VAE f32 for ImageNet, four levels of 16384 entries, or that of the YAML file beside it",
        config(F32),
    ),
    _line(
        "rqvae-ffhq",
        "RQ-VAE f32 for FFHQ, four levels of 2048 entries",
        config(F32 | {"attn_resolutions": [16]}, entries=2048),
    ),
    *(
        _line(f"rqvae-lsun-{scene}", f"RQ-VAE f32 for LSUN {scene}, four levels of 16384 entries", config(F32))
        for scene in ("bedroom", "cat", "church")
    ),
)
