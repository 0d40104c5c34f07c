"""TiTok: image tokenizers with codes or latents in one dimension."""

from __future__ import annotations

from typing import Any

from bench.lines.checkpoints import Family
from bench.registry import Entry

_PAPER = "Yu et al. 2024, arXiv 2406.07550; github.com/bytedance/1d-tokenizer"
CODES = Family("bench.modalities.image.tokenizers.titok:TiTok", _PAPER, "image")
LATENTS = Family("bench.modalities.image.tokenizers.titok:TiTokVAE", _PAPER, "image", "continuous")


def _config(encoder: str, decoder: str, tokens: int, **quantizer: Any) -> dict[str, Any]:
    """Sizes of the transformers and the quantizer, as in the publisher's configs/infer/TiTok/*.yaml."""
    sizes = {"vit_enc_model_size": encoder, "vit_dec_model_size": decoder, "num_latent_tokens": tokens}
    patches = {"vit_enc_patch_size": 16, "vit_dec_patch_size": 16}
    return {"model": {"vq_model": sizes | patches | quantizer}, "dataset": {"preprocessing": {"crop_size": 256}}}


def _older(size: str, tokens: int) -> dict[str, Any]:
    """Of the models of the paper, trained in two stages, which decode with MaskGIT's decoder."""
    return _config(
        size, size, tokens, codebook_size=4096, token_size=12, use_l2_norm=True, finetune_decoder=True, is_legacy=True
    )


def _newer(encoder: str, tokens: int, **quantizer: Any) -> dict[str, Any]:
    """Of the models trained in one stage, which decode to pixels."""
    return _config(encoder, "large", tokens, finetune_decoder=False, is_legacy=False, **quantizer)


_ENTRIES = {"codebook_size": 8192, "token_size": 64, "use_l2_norm": False}
_POSTERIOR = {"quantize_mode": "vae", "token_size": 16}

ENTRIES: tuple[Entry, ...] = (
    *(
        CODES.checkpoint(
            f"titok-{size[0]}{tokens}",
            f"yucornetto/tokenizer_titok_{size[0]}{tokens}_imagenet",
            f"TiTok-{size[0].upper()}-{tokens}, {tokens} codes of 4096 entries for 256x256 pixels",
            "Apache-2.0",
            config=_older(size, tokens),
        )
        for size, tokens in (("large", 32), ("base", 64), ("small", 128))
    ),
    *(
        CODES.checkpoint(
            f"titok-{encoder[0]}l{tokens}-vq",
            f"yucornetto/tokenizer_titok_{encoder[0]}l{tokens}_vq8k_imagenet",
            f"TiTok-{encoder[0].upper()}L-{tokens} VQ, {tokens} codes of 8192 entries for 256x256 pixels",
            "Apache-2.0",
            config=_newer(encoder, tokens, **_ENTRIES),
        )
        for encoder, tokens in (("base", 64), ("base", 128), ("small", 256))
    ),
    *(
        LATENTS.checkpoint(
            f"titok-{encoder[0]}l{tokens}-vae",
            f"yucornetto/tokenizer_titok_{encoder[0]}l{tokens}_vae_c16_imagenet",
            f"TiTok-{encoder[0].upper()}L-{tokens} VAE, {tokens} latents of 16 numbers for 256x256 pixels",
            "Apache-2.0",
            config=_newer(encoder, tokens, **_POSTERIOR),
        )
        for encoder, tokens in (("large", 32), ("base", 64), ("base", 128))
    ),
)
