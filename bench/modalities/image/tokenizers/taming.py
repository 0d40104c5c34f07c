"""Autoencoders of taming-transformers, latent-diffusion and MoVQGAN, as the diffusers classes of the same networks.

All describe them by ``ddconfig`` (Esser et al. 2021, arXiv 2012.09841; Rombach et al. 2022, arXiv 2112.10752; Zheng et
al. 2022, arXiv 2209.09002). The diffusers classes have the same convolutions, normalizations and attention under other
names.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bench.errors import BenchError
from bench.modalities.image.networks import ddconfig
from bench.tokenizers.layouts import Layout

MODULATED = "MOVQ"
"""The class whose decoder normalizes by the codes at each place; diffusers calls that ``spatial``."""

CLASSES = {
    "VQModel": ("VQModel", "VQModelInterface", "VQNoDiscModel", MODULATED),
    "AutoencoderKL": ("AutoencoderKL",),
}
"""Publishers' classes whose networks a diffusers class has."""

_ATTENTION = (
    (r"\.attn_1\.", ".attentions.0."),
    (r"\.attn\.(\d+)\.", r".attentions.\1."),
    (r"\.attentions\.(\d+)\.norm\.(norm_layer|conv_[yb])\.", r".attentions.\1.spatial_norm.\2."),
    (r"\.attentions\.(\d+)\.norm\.", r".attentions.\1.group_norm."),
    (r"\.attentions\.(\d+)\.([qkv])\.", r".attentions.\1.to_\2."),
    (r"\.attentions\.(\d+)\.proj_out\.", r".attentions.\1.to_out.0."),
)
_FORMER = (
    (r"\.attentions\.(\d+)\.query\.", r".attentions.\1.to_q."),
    (r"\.attentions\.(\d+)\.key\.", r".attentions.\1.to_k."),
    (r"\.attentions\.(\d+)\.value\.", r".attentions.\1.to_v."),
    (r"\.attentions\.(\d+)\.proj_attn\.", r".attentions.\1.to_out.0."),
)
"""Names of attention that diffusers itself used before."""


def layout(config: Mapping[str, Any], library_class: str) -> Layout | None:
    """The layout of a file whose configuration is that of a diffusers class, or a ``ddconfig``.

    Args:
        config: ``config.json`` of diffusers, or ``ddconfig`` with ``embed_dim`` and, for a codebook, ``n_embed``, which
            the weights decide where it is not given. Where a decoder attends at other grids than the encoder, as MAR's
            does, ``ddconfig`` says so by ``decoder_attn_resolutions``, which no publisher's has.
        library_class: the diffusers class to build.

    Returns:
        None if the configuration is of another model.

    Raises:
        BenchError: ``ddconfig`` lacks an entry, or describes a network that the diffusers class does not have.
    """
    if config.get("_class_name") == library_class:
        return Layout(config, renames=_FORMER)
    network = config.get("ddconfig")
    if not isinstance(network, Mapping) or library_class not in CLASSES:
        return None
    target = str(config.get("target") or "").rpartition(".")[2]
    if target and target not in CLASSES[library_class]:
        return None
    ddconfig.check(network, doubled=library_class == "AutoencoderKL")
    levels = len(network["ch_mult"])
    decoder = {"attn_resolutions": network.get("decoder_attn_resolutions", network["attn_resolutions"])}
    # Whether each stage attends, in the order of the stages.
    encoding = [level in ddconfig.attending(network) for level in range(levels)]
    decoding = [level in ddconfig.attending({**network, **decoder}) for level in reversed(range(levels))]
    embedded = config.get("embed_dim", network["z_channels"])
    arguments: dict[str, Any] = {
        "in_channels": network["in_channels"],
        "out_channels": network["out_ch"],
        "down_block_types": ["AttnDownEncoderBlock2D" if attends else "DownEncoderBlock2D" for attends in encoding],
        "up_block_types": ["AttnUpDecoderBlock2D" if attends else "UpDecoderBlock2D" for attends in decoding],
        "block_out_channels": [network["ch"] * factor for factor in network["ch_mult"]],
        "layers_per_block": network["num_res_blocks"],
        "latent_channels": network["z_channels"],
    }
    if target == MODULATED:
        arguments["norm_type"] = "spatial"
    if not ddconfig.attends(network):
        arguments["mid_block_add_attention"] = False
    if (library_class == "AutoencoderKL" or target == MODULATED) and embedded != network["z_channels"]:
        raise BenchError(f"embed_dim {embedded} differs from z_channels {network['z_channels']}")
    if library_class == "VQModel":
        arguments["vq_embed_dim"] = embedded
        if config.get("n_embed") is not None:
            arguments["num_vq_embeddings"] = config["n_embed"]
    return Layout(
        arguments,
        prefixes=("", "first_stage_model.", "vqgan.", "model."),
        renames=_renames(levels),
        sizes=(("num_vq_embeddings", "quantize.embedding.weight", 0),) if library_class == "VQModel" else (),
    )


def _renames(levels: int) -> tuple[tuple[str, str], ...]:
    """Renames of a network with ``levels`` stages; diffusers counts those of the decoder from the coarsest."""
    decoder = tuple(
        (rf"^decoder\.up\.{level}\.", f"decoder.up_blocks.{levels - 1 - level}.") for level in range(levels)
    )
    return (
        (r"^encoder\.down\.(\d+)\.", r"encoder.down_blocks.\1."),
        *decoder,
        (r"\.mid\.block_1\.", ".mid_block.resnets.0."),
        (r"\.mid\.block_2\.", ".mid_block.resnets.1."),
        (r"\.mid\.", ".mid_block."),
        (r"\.block\.(\d+)\.", r".resnets.\1."),
        (r"\.(down|up)sample\.", r".\1samplers.0."),
        (r"\.nin_shortcut\.", ".conv_shortcut."),
        (r"\.norm_out\.", ".conv_norm_out."),
        *_ATTENTION,
    )
