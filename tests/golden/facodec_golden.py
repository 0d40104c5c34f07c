"""FACodec's encoder and decoder: github.com/open-mmlab/Amphion."""

from __future__ import annotations

import importlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from cases import Golden, fill, store, weights

from bench import registry

FILES = {"encoder": "ns3_facodec_encoder.bin", "decoder": "ns3_facodec_decoder.bin"}


@dataclass(frozen=True)
class TwoFiles(Golden):
    """A network whose parts are in a file each."""

    def save(self, folder: Path) -> Path:
        """Write the files, as ``torch.save`` does, and return their folder."""
        folder.mkdir(parents=True, exist_ok=True)
        tensors = weights(json.loads(str(self.arrays()["shapes"])))
        for part, file in FILES.items():
            start = f"{part}."
            held = {name.removeprefix(start): item for name, item in tensors.items() if name.startswith(start)}
            torch.save(held, folder / file)
        return folder

    def build(self, folder: Path) -> Any:
        return registry.load(self.target)(path=str(self.save(folder)), config=self.config)


CASES = (
    TwoFiles(
        "facodec",
        "bench.modalities.audio.tokenizers.facodec:FACodec",
        "open-mmlab/Amphion d3de90f, models/codec/ns3_codec/: facodec, transformer, quantize, alias_free_torch (MIT)",
        {
            "encoder": {"ngf": 3, "up_ratios": [4, 5, 5], "out_channels": 256},
            "decoder": {
                "in_channels": 256,
                "upsample_initial_channel": 24,
                "up_ratios": [5, 5, 4],
                "vq_num_q_p": 1,
                "vq_num_q_c": 2,
                "vq_num_q_r": 3,
                "codebook_dim": 4,
                "codebook_size_prosody": 6,
                "codebook_size_content": 7,
                "codebook_size_residual": 8,
            },
        },
        side=2375,
    ),
)


@torch.no_grad()
def write() -> None:
    """Write ``facodec.npz``, with Amphion's folder ``models/codec`` on the path; ``pyworld`` may be an empty module."""
    networks: Any = importlib.import_module("ns3_codec")
    arrays = {}
    for case in CASES:
        width = case.config["decoder"]["in_channels"]
        encoder: Any = networks.FACodecEncoder(**case.config["encoder"])
        decoder: Any = networks.FACodecDecoder(**case.config["decoder"], vq_dim=width)
        shapes = json.loads(fill(torch.nn.ModuleDict({"encoder": encoder, "decoder": decoder})))
        kept = {name: shape for name, shape in shapes.items() if "_predictor" not in name}  # those of training
        codes, timbres = [], []
        for clip in case.clips().split(1):  # one at a time, as a clip's place in its batch decides its timbre there
            quantized, indices, _, _, timbre = decoder(encoder(clip), eval_vq=False, vq=True)
            codes.append(indices)
            timbres.append(timbre)
            decoded = decoder.inference(quantized, timbre)
        arrays[case.name] = {"shapes": json.dumps(kept), "latents": torch.stack(timbres)}
        arrays[case.name] |= {f"codes_{level}": code for level, code in enumerate(torch.cat(codes, 1))}
        arrays[case.name]["decoded"] = torch.nn.functional.pad(decoded, (0, case.side - decoded.shape[2]))
    store("facodec", arrays)


if __name__ == "__main__":
    write()
