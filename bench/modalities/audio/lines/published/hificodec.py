"""HiFi-Codec of AcademiCodec, four codebooks of groups and residuals."""

from __future__ import annotations

from typing import Any

from bench.lines.checkpoints import Family
from bench.registry import Entry

FAMILY = Family(
    "bench.modalities.audio.tokenizers.hificodec:HiFiCodec",
    "Yang et al. 2023, arXiv 2305.02765; github.com/yangdongchao/AcademiCodec",
    "audio",
    extra="audio",
)


def config(rate: int, strides: list[int], kernels: list[int]) -> dict[str, Any]:
    """What decides the network in the publisher's JSON files."""
    return {
        "sampling_rate": rate,
        "upsample_rates": strides,
        "upsample_kernel_sizes": kernels,
        "upsample_initial_channel": 512,
        "resblock_kernel_sizes": [3, 7, 11],
        "resblock_dilation_sizes": [[1, 3, 5], [1, 3, 5], [1, 3, 5]],
        "n_code_groups": 2,
        "n_codes": 1024,
    }


ENTRIES: tuple[Entry, ...] = tuple(
    FAMILY.checkpoint(
        f"hificodec-{name}",
        "Dongchao/AcademiCodec",
        f"HiFi-Codec {rates}, 1024 entries",
        "not stated; the code is MIT",
        file=f"HiFi-Codec-{name}",
        config=values,
    )
    for name, rates, values in (
        ("16k-320d", "16 kHz, 50 Hz x 4 books", config(16000, [8, 5, 4, 2], [16, 11, 8, 4])),
        ("24k-320d", "24 kHz, 75 Hz x 4 books", config(24000, [8, 5, 4, 2], [16, 11, 8, 4])),
        ("24k-240d", "24 kHz, 100 Hz x 4 books", config(24000, [8, 5, 3, 2], [16, 11, 7, 4])),
    )
)
