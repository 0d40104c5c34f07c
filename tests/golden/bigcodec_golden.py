"""BigCodec's encoder and decoder: github.com/Aria-K-Alethia/BigCodec."""

from __future__ import annotations

import importlib
from typing import Any

import torch
from cases import Golden, fill, store
from torch.nn import functional as F

_BOTH = {"use_rnn": True, "rnn_bidirectional": False, "rnn_num_layers": 1, "dilations": [1, 9]}
_BOOK = {"vq_num_quantizers": 1, "codebook_size": 2048, "codebook_dim": 4}
CASES = (
    Golden(
        "bigcodec",
        "bench.modalities.audio.tokenizers.bigcodec:BigCodec",
        "Aria-K-Alethia/BigCodec 09845ab, vq/{codec_encoder,codec_decoder}.py (MIT)",
        {
            "codec_encoder": {**_BOTH, "ngf": 4, "up_ratios": [2, 5], "out_channels": 12},
            "codec_decoder": {
                **_BOTH,
                **_BOOK,
                "in_channels": 12,
                "upsample_initial_channel": 16,
                "up_ratios": [5, 2],
            },
        },
        side=510,
        parts=("CodecEnc", "generator"),
    ),
)


@torch.no_grad()
def write() -> None:
    """Write ``bigcodec.npz``, with BigCodec's checkout on the path."""
    networks: Any = importlib.import_module("vq")
    arrays = {}
    for case in CASES:
        config = case.config
        width = config["codec_decoder"]["in_channels"]
        parts = {
            "CodecEnc": networks.CodecEncoder(**config["codec_encoder"]),
            "generator": networks.CodecDecoder(**config["codec_decoder"], vq_dim=width),
        }
        shapes = fill(torch.nn.ModuleDict(parts))
        hop = int(parts["CodecEnc"].hop_length)
        latents = parts["CodecEnc"](F.pad(case.clips(), (0, hop - case.side % hop)))
        quantized, codes, _ = parts["generator"](latents, vq=True)
        decoded = parts["generator"](quantized, vq=False)[-1:, :, : case.side]
        arrays[case.name] = {"shapes": shapes, "decoded": decoded}
        arrays[case.name] |= {f"codes_{level}": code for level, code in enumerate(codes)}
    store("bigcodec", arrays)


if __name__ == "__main__":
    write()
