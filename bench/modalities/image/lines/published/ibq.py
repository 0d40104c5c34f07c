"""IBQ's tokenizers, of ImageNet and of larger data ("pretrain")."""

from __future__ import annotations

from typing import Any

from bench.lines.checkpoints import Family
from bench.registry import Entry

FAMILY = Family(
    "bench.modalities.image.tokenizers.ibq:IBQ",
    "Shi et al. 2024, arXiv 2412.02692; github.com/TencentARC/SEED-Voken",
    "image",
)

_DDCONFIG = {
    "double_z": False,
    "z_channels": 256,
    "resolution": 256,
    "in_channels": 3,
    "out_ch": 3,
    "ch": 128,
    "ch_mult": [1, 1, 2, 2, 4],
    "num_res_blocks": 4,
    "attn_resolutions": [16],
}


def _line(name: str, entries: int, repo: str, file: str, data: str) -> Entry:
    config: dict[str, Any] = {"ddconfig": _DDCONFIG, "embed_dim": 256, "n_embed": entries}
    summary = f"IBQ f16 trained on {data}, {entries} entries"
    # Its evaluation takes the moving average (``use_ema`` in every configuration).
    return FAMILY.checkpoint(
        name, f"TencentARC/IBQ-Tokenizer-{repo}", summary, "Apache-2.0", file=file, config=config, weights="ema"
    )


ENTRIES: tuple[Entry, ...] = (
    *(
        _line(f"ibq-{entries}", entries, str(entries), f"imagenet256_{entries}.ckpt", "ImageNet")
        for entries in (1024, 8192, 16384, 262144)
    ),
    *(
        _line(
            f"ibq-pretrain-{entries}",
            entries,
            f"{entries}-Pretrain",
            f"IBQ_pretrain_{entries}.ckpt",
            "200 million images of the web",
        )
        for entries in (16384, 262144)
    ),
)
