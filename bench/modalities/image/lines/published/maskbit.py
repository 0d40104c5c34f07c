"""The tokenizers of MaskBit: VQGAN+, and those with bits for codes."""

from __future__ import annotations

from typing import Any

from bench.lines.checkpoints import Family
from bench.registry import Entry

FAMILY = Family(
    "bench.modalities.image.tokenizers.maskbit:MaskBit",
    "Weber et al. 2024, arXiv 2409.16211; github.com/markweberdev/maskbit",
    "image",
)
LICENSE = "for research only; the code is Apache-2.0"
"""What the repository says of the weights."""

_ANY = {
    "model_class": "vqgan+",
    "hidden_channels": 128,
    "channel_mult": [1, 1, 2, 2, 4],
    "num_res_blocks": 2,
    "sample_with_conv": True,
}


def _lookup(bits: int, channels: int) -> dict[str, Any]:
    """``model.vq_model`` of the repository's configs/tokenizer/vqgan_plus_*.yaml."""
    return _ANY | {"quantizer_type": "lookup", "codebook_size": 2**bits, "token_size": channels}


def _bits(bits: int) -> dict[str, Any]:
    """``model.vq_model`` of configs/tokenizer/maskbit_tokenizer_*.yaml, with the number of codes that there are."""
    return _ANY | {"quantizer_type": "lookup-free", "codebook_size": 2**bits, "token_size": bits}


ENTRIES: tuple[Entry, ...] = (
    FAMILY.files(
        "vqgan-plus-10bit",
        "VQGAN+ f16 of the paper, 1024 entries, of huggingface.co/markweber/vqgan_plus_paper",
        LICENSE,
        config=_lookup(10, 256),
    ),
    FAMILY.checkpoint(
        "vqgan-plus-12bit",
        "markweber/vqgan_plus_12bit",
        "VQGAN+ f16, 4096 entries",
        LICENSE,
        file="vqgan_plus_12bit.bin",
        config=_lookup(12, 64),
    ),
    *(
        FAMILY.checkpoint(
            f"maskbit-{bits}bit",
            f"markweber/maskbit_tokenizer_{bits}bit",
            f"MaskBit's tokenizer f16, {bits} bits per code" + ("; one of them never changes" if bits == 18 else ""),
            LICENSE,
            file=f"maskbit_tokenizer_{bits}bit.bin",
            config=_bits(bits),
        )
        for bits in (10, 12, 14, 16, 18)
    ),
)
