"""Tiny models of the real classes, with checkpoints that their own ``save_pretrained`` writes."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import diffusers
import torch
import transformers


def tiny_model(name: str, **changes: Any) -> Any:
    """Build a small model of a class with random weights, whose codes differ from place to place."""
    torch.manual_seed(0)
    model = TINY[name](**changes)
    if hasattr(model, "quantize"):
        model.quantize.embedding.weight.data.normal_(std=0.3)
    return model.eval()


def _transformers(model: str, config: str, **arguments: Any) -> Any:
    return getattr(transformers, model)(getattr(transformers, config)(**arguments))


def _representation(**arguments: Any) -> Any:
    sizes = {"encoder_hidden_size": 64, "encoder_num_hidden_layers": 1, "decoder_hidden_size": 16}
    sizes |= {"decoder_num_hidden_layers": 1, "decoder_num_attention_heads": 2, "decoder_intermediate_size": 16}
    model = diffusers.AutoencoderRAE(
        **sizes, latents_mean=torch.full((64, 1, 1), 0.1), latents_std=torch.full((64, 1, 1), 2.0), **arguments
    )
    model.decoder.trainable_cls_token.data.normal_()
    return model


_STAGES = {
    "down_block_types": ("DownEncoderBlock2D",) * 2,
    "up_block_types": ("UpDecoderBlock2D",) * 2,
    "block_out_channels": (8, 16),
    "norm_num_groups": 4,
    "latent_channels": 4,
}

TINY: dict[str, Callable[..., Any]] = {
    "AutoencoderKL": partial(diffusers.AutoencoderKL, **_STAGES),
    "AutoencoderKLFlux2": partial(diffusers.AutoencoderKLFlux2, **_STAGES, layers_per_block=1),
    "AutoencoderKLHunyuanImage": partial(
        diffusers.AutoencoderKLHunyuanImage,
        in_channels=3,
        out_channels=3,
        latent_channels=4,
        block_out_channels=(32, 32),
        layers_per_block=1,
        spatial_compression_ratio=2,
        sample_size=64,
    ),
    "AutoencoderKLQwenImage": partial(
        diffusers.AutoencoderKLQwenImage,
        base_dim=8,
        z_dim=4,
        dim_mult=[1, 1],
        num_res_blocks=1,
        temperal_downsample=[False],
    ),
    "AsymmetricAutoencoderKL": partial(
        diffusers.AsymmetricAutoencoderKL,
        **{key: value for key, value in _STAGES.items() if key != "block_out_channels"},
        down_block_out_channels=(8, 16),
        up_block_out_channels=(16, 16),
    ),
    "ConsistencyDecoderVAE": partial(
        diffusers.ConsistencyDecoderVAE,
        encoder_block_out_channels=(8, 16),
        encoder_down_block_types=("DownEncoderBlock2D",) * 2,
        encoder_layers_per_block=1,
        encoder_norm_num_groups=4,
        decoder_block_out_channels=(8, 16),
        decoder_down_block_types=("ResnetDownsampleBlock2D",) * 2,
        decoder_up_block_types=("ResnetUpsampleBlock2D",) * 2,
        decoder_layers_per_block=1,
        decoder_norm_num_groups=4,
    ),
    "AutoencoderRAE": partial(_representation, encoder_type="dinov2", encoder_patch_size=14, encoder_input_size=56),
    "AutoencoderTiny": partial(
        diffusers.AutoencoderTiny,
        encoder_block_out_channels=(8, 8),
        decoder_block_out_channels=(8, 8),
        num_encoder_blocks=(1, 1),
        num_decoder_blocks=(1, 1),
    ),
    "AutoencoderDC": partial(
        diffusers.AutoencoderDC,
        latent_channels=4,
        attention_head_dim=4,
        encoder_block_types=("ResBlock", "EfficientViTBlock"),
        decoder_block_types=("ResBlock", "EfficientViTBlock"),
        encoder_block_out_channels=(8, 16),
        decoder_block_out_channels=(8, 16),
        encoder_layers_per_block=(1, 1),
        decoder_layers_per_block=(1, 1),
        encoder_qkv_multiscales=((), (5,)),
        decoder_qkv_multiscales=((), (5,)),
    ),
    "VQModel": partial(diffusers.VQModel, **_STAGES, num_vq_embeddings=32),
    "JanusVQVAE": partial(
        _transformers,
        "JanusVQVAE",
        "JanusVQVAEConfig",
        base_channels=32,
        channel_multiplier=[1, 1],
        num_res_blocks=1,
        latent_channels=8,
        num_embeddings=32,
        num_patches=16,
    ),
    "Emu3VQVAE": partial(
        _transformers,
        "Emu3VQVAE",
        "Emu3VQVAEConfig",
        base_channels=32,
        channel_multiplier=[1, 1],
        num_res_blocks=1,
        attn_resolutions=[1],
        hidden_size=32,
        codebook_size=32,
    ),
}
