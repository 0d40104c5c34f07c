"""SQCodec of the package sq_codec 0.0.1, with vector-quantize-pytorch 1.22.9 (later ones round twice there)."""

from __future__ import annotations

import importlib
from typing import Any

import torch
from cases import Golden, fill, store

MODULES = ("encoder", "quantizer", "decoder", "en_encoder", "en_decoder")
_NETWORK = {
    "feature_dim": 16,
    "compress_rates": [4, 2],
    "encoder_dims": [4, 8, 12],
    "encoder_depths": [1, 1, 2],
    "decode_rates": [8],
    "decoder_dims": [12, 6],
    "decoder_depths": [2, 1],
    "base_unit": "normal",
    "use_norm": True,
    "use_snake_act": True,
    "decoder_last_layer": "legacy",
    "vq_config": {"name": "taae_fsq", "codebook_dim": [9, 7, 7, 9], "codebook_num": 1},
    "en_coder_depth": 3,
    "en_coder_window_size": 4,
    "en_coder_dynamic_pos": True,
    "en_coder_cache_size": 0,
}
CASES = tuple(
    Golden(
        name,
        "bench.modalities.audio.tokenizers.sqcodec:SQCodec",
        "sq_codec 0.0.1 of PyPI (MIT)",
        {"sample_rate": 16000, "network_config": {**_NETWORK, "en_coder_compress_rate": joined}},
        arguments={"file": f"{{{','.join(MODULES)}}}.pt"},
        side=600,
        modules=MODULES,
        factors={"alpha": 0.3},
    )
    for name, joined in (("sqcodec", 1), ("sqcodec-joined", 2))
)


@torch.no_grad()
def write() -> None:
    """Write ``sqcodec.npz``, with the package on the path."""
    codec: Any = importlib.import_module("sq_codec.en_codec")
    whole: Any = importlib.import_module("sq_codec")
    arrays = {}
    for case in CASES:
        network = codec.EnCodec(codec.ModelConfig(**case.config["network_config"]))
        shapes = fill(network, case.factors)
        model = whole.SQCodec.__new__(whole.SQCodec)
        model.network = network
        features, codes = model.encode_audio(case.clips()[:, 0])
        decoded = model.decode_audio(features)[-1:, None, : case.side]
        arrays[case.name] = {"shapes": shapes, "codes_0": codes, "decoded": decoded}
    store("sqcodec", arrays)


if __name__ == "__main__":
    write()
