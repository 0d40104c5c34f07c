"""DeTok, whose latents hold out against noise."""

from __future__ import annotations

from bench.lines.checkpoints import Family
from bench.registry import Entry

FAMILY = Family(
    "bench.modalities.image.tokenizers.detok:DeTok",
    "Yang et al. 2025, arXiv 2507.15856; github.com/Jiawei-Yang/DeTok",
    "image",
    "continuous",
)

BB = {
    "img_size": 256,
    "patch_size": 16,
    "token_channels": 16,
    "vit_enc_model_size": "base",
    "vit_dec_model_size": "base",
}
"""Arguments of ``detok_BB``."""

ENTRIES: tuple[Entry, ...] = tuple(
    FAMILY.checkpoint(
        f"detok-bb{name}",
        "jjiaweiyang/l-DeTok",
        f"DeTok f16 of base size, 16 channels{summary}",
        "MIT",
        file=f"detok-BB-gamm3.0-m0.7{file}.pth",
        config=BB,
        weights="ema-if-any",
    )
    for name, file, summary in (("", "", ""), ("-decoder-ft", "-decoder_tuned", ", with the decoder fine-tuned"))
)
