"""Deep-compression autoencoders, of diffusers' AutoencoderDC."""

from __future__ import annotations

from bench.lines.checkpoints import Family
from bench.registry import Entry

FAMILY = Family(
    "bench.modalities.image.tokenizers.diffusers_autoencoders:AutoencoderDC",
    "Chen et al. 2024, arXiv 2410.10733; github.com/mit-han-lab/efficientvit",
    "image",
    "continuous",
    "hf",
)

ENTRIES: tuple[Entry, ...] = (
    FAMILY.files("autoencoder-dc", "diffusers AutoencoderDC"),
    *(
        FAMILY.checkpoint(
            f"dc-ae-{shape}-{data}",
            f"mit-han-lab/dc-ae-{shape}-{data}-1.0-diffusers",
            f"deep-compression autoencoder {shape} trained on {corpus}",
            "Apache-2.0",
        )
        for shape in ("f32c32", "f64c128", "f128c512")
        for data, corpus in (("in", "ImageNet"), ("mix", "a mixture of datasets"))
    ),
    FAMILY.checkpoint(
        "dc-ae-f32c32-sana",
        "mit-han-lab/dc-ae-f32c32-sana-1.0-diffusers",
        "deep-compression autoencoder f32c32 of SANA",
        "Apache-2.0",
        f"{FAMILY.source}; Xie et al. 2024, arXiv 2410.10629",
    ),
)
