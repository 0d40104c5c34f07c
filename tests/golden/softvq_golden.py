"""SoftVQ-VAE and MAETok: github.com/Hhhhhhao/continuous_tokenizer; it needs timm 1.0.12, einops and a module peft."""

from __future__ import annotations

import importlib
from typing import Any

import torch
from cases import Golden, fill, store
from torch import nn

_MADE_BY = (
    "Hhhhhhao/continuous_tokenizer 7cc3e962, modelling/{tokenizer,quantizers/softvq}.py with "
    "modelling/modules/timm_vit (Apache-2.0), timm 1.0.12 (Apache-2.0)"
)
_SIZE = {"width": 32, "depth": 2, "heads": 2}
_ANY = {
    "image_size": 32,
    "enc_type": "vit",
    "dec_type": "vit",
    "enc_patch_size": 8,
    "dec_patch_size": 8,
    "num_latent_tokens": 4,
    "codebook_embed_dim": 8,
}
_SOFT = {"codebook_size": 16, "num_codebooks": 2, "tau": 0.07, "codebook_l2_norm": True}
_TURNING = {"use_rope": True, "rope_mixed": True, "dec_cls_token": False}
_TOKENIZERS = "bench.modalities.image.tokenizers.soft_vq"
CASES = (
    Golden(
        "softvq",
        f"{_TOKENIZERS}:SoftVQ",
        _MADE_BY,
        {**_ANY, **_SOFT, "encoder_model": _SIZE, "decoder_model": _SIZE},
    ),
    Golden(
        "softvq-maetok",
        f"{_TOKENIZERS}:MAETok",
        _MADE_BY,
        {**_ANY, **_TURNING, "encoder_model": {**_SIZE, "registers": 4}, "decoder_model": _SIZE},
    ),
)


def _published(config: dict[str, Any]) -> Any:
    """The publisher's model with smaller transformers, which its arguments cannot ask for."""
    tokenizer: Any = importlib.import_module("modelling.tokenizer")
    halves: Any = importlib.import_module("modelling.modules.timm_vit.timm_vit_models")
    names = {
        half: f"vit_small_patch14_{'reg4_' if 'registers' in config[half] else ''}dinov2.lvd142m"
        for half in ("encoder_model", "decoder_model")
    }
    arguments = tokenizer.ModelArgs(**{**config, **names}, enc_pretrained=False, codebook_show_usage=False)
    soft = "num_codebooks" in config
    model = (tokenizer.SoftVQModel if soft else tokenizer.AEModel)(arguments)
    small = {"embed_dim": _SIZE["width"], "depth": _SIZE["depth"], "num_heads": _SIZE["heads"], "drop_path_rate": 0.0}
    shared = {
        "num_latent_tokens": arguments.num_latent_tokens,
        "model_kwargs": {"img_size": arguments.image_size, "patch_size": arguments.enc_patch_size, **small},
        "pretrained": False,
        "tuning_method": "full",
        "use_ape": arguments.use_ape,
        "use_rope": arguments.use_rope,
        "rope_mixed": arguments.rope_mixed,
        "rope_theta": arguments.rope_theta,
        "base_img_size": arguments.image_size,
    }
    model.encoder = halves.TimmViTEncoder(model_name=names["encoder_model"], token_drop=0.4, **shared)
    model.decoder = halves.TimmViTDecoder(
        model_name=names["decoder_model"], cls_token=arguments.dec_cls_token, to_pixel=arguments.to_pixel, **shared
    )
    model.quant_conv = nn.Linear(_SIZE["width"], arguments.codebook_embed_dim)
    model.post_quant_conv = nn.Linear(arguments.codebook_embed_dim, _SIZE["width"])
    return model


@torch.no_grad()
def write() -> None:
    """Write ``softvq.npz``, with the checkout on the path."""
    rotation: Any = importlib.import_module("modelling.modules.timm_vit.rope_utils")
    arrays = {}
    for case in CASES:
        model = _published(dict(case.config))
        shapes = fill(model)
        for half in (model.encoder, model.decoder):
            if half.use_rope:
                # Places within the grid are among the tensors that have just been filled.
                half.freqs_t_x, half.freqs_t_y = rotation.init_t_xy(*half.model.patch_embed.grid_size)
        latents, _, _ = model.encode(case.images())
        decoded = model.decode(latents, h=case.side, w=case.side)
        arrays[case.name] = {"shapes": shapes, "latents": latents, "decoded": decoded[-1:]}
    store("softvq", arrays)


if __name__ == "__main__":
    write()
