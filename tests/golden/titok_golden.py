"""TiTok: github.com/bytedance/1d-tokenizer."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from cases import Golden, fill, store

TINY = [32, 2, 2]
"""Width, layers and heads, for which ``write`` changes the table of sizes in the publisher's module."""
MASKGIT: dict[str, Any] = {"entries": 16, "latents": 16, "width": 32, "factors": [1, 1, 1], "blocks": 1}
_ANY = {"vit_enc_patch_size": 8, "vit_dec_patch_size": 4, "num_latent_tokens": 12, "token_size": 8}
_SIZES = {"vit_enc_model_size": TINY, "vit_dec_model_size": TINY}
_NEWER = {"is_legacy": False, "finetune_decoder": False}
_CODES = {"codebook_size": 64, "commitment_cost": 0.25}
MADE_BY = "bytedance/1d-tokenizer 942a96fb, modeling/{titok,modules/{blocks,maskgit_vqgan},quantizer/quantizer}.py"


def _case(name: str, target: str, inner: dict[str, Any], **arguments: Any) -> Golden:
    config = {"model": {"vq_model": _ANY | _SIZES | inner}, "dataset": {"preprocessing": {"crop_size": 32}}}
    return Golden(
        name,
        f"bench.modalities.image.tokenizers.titok:{target}",
        f"{MADE_BY} with narrower transformers and MaskGIT's decoder (Apache-2.0)",
        config,
        arguments,
        side=32,
    )


CASES = (
    _case("titok-vq", "TiTok", _CODES | _NEWER | {"use_l2_norm": False}),
    _case("titok-maskgit", "TiTok", _CODES | {"use_l2_norm": True, "maskgit": MASKGIT}),
    _case("titok-vae", "TiTokVAE", {"quantize_mode": "vae"} | _NEWER),
)


def _published() -> Any:
    """The module of the publisher's TiTok, whose smallest transformer is smaller, as is MaskGIT's codebook."""
    folder = Path(next(iter(importlib.import_module("modeling").__path__))) / "modules"
    # The package of the network imports the losses of training, which need more packages; so does its quantizer.
    package = ModuleType("modeling.modules")
    package.__path__ = [str(folder)]
    accelerate = ModuleType("accelerate.utils.operations")
    accelerate.gather = None  # type: ignore[attr-defined]
    sys.modules |= {"modeling.modules": package, "accelerate.utils.operations": accelerate}
    sys.modules |= {name: ModuleType(name) for name in ("accelerate", "accelerate.utils")}
    source, (width, depth, _) = (folder / "blocks.py").read_text(), TINY
    blocks = ModuleType("modeling.modules.blocks")
    for size, smaller in {'"small": 512': f'"small": {width}', '"small": 8': f'"small": {depth}'}.items():
        source = source.replace(size, smaller)
    exec(source.replace("1024, 1, padding=0", f"{MASKGIT['entries']}, 1, padding=0"), vars(blocks))
    sys.modules["modeling.modules.blocks"] = blocks
    return importlib.import_module("modeling.titok")


@torch.no_grad()
def write() -> None:
    """Write ``titok.npz``, with the checkout on the path, einops and omegaconf installed."""
    titok = _published()
    arrays = {}
    for case in CASES:
        config: Any = case.config
        small = dict.fromkeys(_SIZES, "small")
        model = titok.TiTok({**config, "model": {"vq_model": config["model"]["vq_model"] | small}})
        if model.finetune_decoder:
            model.pixel_quantize = titok.Pixel_Quantizer(MASKGIT["entries"], MASKGIT["latents"], 0.25)
            model.pixel_decoder = titok.Pixel_Decoder(
                titok.OmegaConf.create(
                    {
                        "channel_mult": MASKGIT["factors"],
                        "num_resolutions": len(MASKGIT["factors"]),
                        "dropout": 0.0,
                        "hidden_channels": MASKGIT["width"],
                        "num_channels": 3,
                        "num_res_blocks": MASKGIT["blocks"],
                        "resolution": case.side,
                        "z_channels": MASKGIT["latents"],
                    }
                )
            )
        shapes = fill(model)
        results = model.encode((case.images() + 1) / 2)[1]
        if model.quantize_mode == "vq":
            tokens = results["min_encoding_indices"]
            kept = {"codes_0": tokens.squeeze(1)}
        else:
            tokens = results.mode()
            kept = {"latents": tokens.squeeze(2).mT}
        arrays[case.name] = {"shapes": shapes, "decoded": 2 * model.decode_tokens(tokens)[-1:] - 1, **kept}
    store("titok", arrays)


if __name__ == "__main__":
    write()
