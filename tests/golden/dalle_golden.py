"""DALL-E's discrete VAE: PyPI's DALL-E."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import torch
from cases import Golden, fill, store, weights


class TwoModules(Golden):
    """A network whose encoder and decoder are pickled as whole modules, a file each."""

    def save(self, folder: Path) -> Path:
        """Write both files, and return their folder."""
        folder.mkdir(parents=True, exist_ok=True)
        top = torch.nn.Module()
        for name, tensor in weights(json.loads(str(self.arrays()["shapes"]))).items():
            *parents, last = name.split(".")
            module = top
            for parent in parents:
                if parent not in module._modules:
                    module.add_module(parent, torch.nn.Module())
                module = module.get_submodule(parent)
            module.register_parameter(last, torch.nn.Parameter(tensor))
        for part, module in top.named_children():
            torch.save(module, folder / f"{part}.pkl")
        return folder


CASES = (
    TwoModules(
        "dalle",
        "bench.modalities.image.tokenizers.dalle:DVAE",
        "DALL-E 0.1, dall_e/{encoder,decoder,utils}.py (Modified MIT License)",
        {"n_hid": 16, "n_blk_per_group": 2, "vocab_size": 64, "n_init": 8},
        side=64,
    ),
)


@torch.no_grad()
def write() -> None:
    """Write ``dalle.npz``, with the unpacked wheel on the path; its networks allow no widths as small as these."""
    importlib.import_module("attr").validators.set_disabled(True)
    networks: Any = importlib.import_module("dall_e")
    arrays = {}
    for case in CASES:
        wide = dict(case.config)
        start = wide.pop("n_init")
        model = torch.nn.ModuleDict({"encoder": networks.Encoder(**wide), "decoder": networks.Decoder(start, **wide)})
        shapes = fill(model)
        logits = model["encoder"](networks.map_pixels((case.images() + 1) / 2))
        codes = logits.argmax(1)
        hot = torch.nn.functional.one_hot(codes, wide["vocab_size"]).permute(0, 3, 1, 2).float()
        decoded = networks.unmap_pixels(model["decoder"](hot)[:, :3].sigmoid())
        arrays[case.name] = {"shapes": shapes, "codes_0": codes, "decoded": 2 * decoded[-1:] - 1}
    store("dalle", arrays)


if __name__ == "__main__":
    write()
