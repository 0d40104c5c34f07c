"""WavTokenizer's encoder, codebook, backbone and head: github.com/jishengpeng/WavTokenizer."""

from __future__ import annotations

import importlib
import json
from typing import Any

import torch
from cases import Golden, fill, store

CASES = (
    Golden(
        "wavtokenizer",
        "bench.modalities.audio.tokenizers.wavtokenizer:WavTokenizer",
        "jishengpeng/WavTokenizer 5cf440d, decoder/{pretrained,feature_extractors,models,heads}.py and encoder/ (MIT)",
        {
            "sample_rate": 24000,
            "feature_extractor": {"dowmsamples": [3, 2, 2], "vq_bins": 1024, "n_filters": 2},
            "backbone": {
                "input_channels": 12,
                "dim": 96,
                "intermediate_dim": 48,
                "num_layers": 2,
                "adanorm_num_embeddings": 4,
            },
            "head": {"dim": 96, "n_fft": 48, "hop_length": 12},
        },
        side=500,
    ),
)


@torch.no_grad()
def write() -> None:
    """Write ``wavtokenizer.npz``, with WavTokenizer's checkout on the path."""
    features: Any = importlib.import_module("decoder.feature_extractors")
    models: Any = importlib.import_module("decoder.models")
    heads: Any = importlib.import_module("decoder.heads")
    whole: Any = importlib.import_module("decoder.pretrained")
    arrays = {}
    for case in CASES:
        config = case.config
        strides, width = config["feature_extractor"]["dowmsamples"], config["backbone"]["input_channels"]
        entries = config["feature_extractor"]["vq_bins"]
        extractor = features.EncodecFeatures(dowmsamples=strides, vq_bins=entries)
        extractor.encodec.decoder = torch.nn.Identity()
        extractor.encodec.encoder = features.SEANetEncoder(
            dimension=width, n_filters=config["feature_extractor"]["n_filters"], ratios=strides, lstm=2
        )
        extractor.encodec.quantizer = features.ResidualVectorQuantizer(dimension=width, n_q=1, bins=entries)
        backbone, head = models.VocosBackbone(**config["backbone"]), heads.ISTFTHead(**config["head"])
        window = head.istft.window.clone()
        model = whole.WavTokenizer(extractor, backbone, head)
        shapes = json.loads(fill(model))
        head.istft.window.copy_(window)
        del shapes["head.istft.window"]
        first = torch.tensor([0])
        latents, codes = model.encode_infer(case.clips()[:, 0], bandwidth_id=first)
        decoded = model.decode(latents[-1:], bandwidth_id=first)[:, None, : case.side]
        arrays[case.name] = {"shapes": json.dumps(shapes), "codes_0": codes[0], "decoded": decoded}
    store("wavtokenizer", arrays)


if __name__ == "__main__":
    write()
