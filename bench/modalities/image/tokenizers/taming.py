"""Autoencoders of taming-transformers and latent-diffusion, as the diffusers classes of the same networks.

Both describe them by ``ddconfig`` (Esser et al. 2021, arXiv 2012.09841; Rombach et al. 2022, arXiv 2112.10752). The
diffusers classes have the same convolutions, normalizations and attention under other names.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bench.errors import BenchError
from bench.tokenizers.layouts import Layout

CLASSES = {
    "VQModel": ("VQModel", "VQModelInterface", "VQNoDiscModel"),
    "AutoencoderKL": ("AutoencoderKL",),
}
"""Publishers' classes whose networks a diffusers class has."""

_NEEDED = ("ch", "ch_mult", "num_res_blocks", "attn_resolutions", "in_channels", "out_ch", "resolution", "z_channels")
_SAME = {"attn_type": "vanilla", "use_linear_attn": False, "tanh_out": False, "give_pre_end": False}
_SAME |= {"resamp_with_conv": True}
"""Choices of ``ddconfig`` that diffusers has no others of."""

_ATTENTION = (
    (r"\.attn_1\.", ".attentions.0."),
    (r"\.attn\.(\d+)\.", r".attentions.\1."),
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
            the weights decide where it is not given.
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
    _check(network, doubled=library_class == "AutoencoderKL")
    levels = len(network["ch_mult"])
    attended = [network["resolution"] // 2**level in network["attn_resolutions"] for level in range(levels)]
    embedded = config.get("embed_dim", network["z_channels"])
    arguments: dict[str, Any] = {
        "in_channels": network["in_channels"],
        "out_channels": network["out_ch"],
        "down_block_types": ["AttnDownEncoderBlock2D" if attends else "DownEncoderBlock2D" for attends in attended],
        "up_block_types": ["AttnUpDecoderBlock2D" if attends else "UpDecoderBlock2D" for attends in attended[::-1]],
        "block_out_channels": [network["ch"] * factor for factor in network["ch_mult"]],
        "layers_per_block": network["num_res_blocks"],
        "latent_channels": network["z_channels"],
    }
    if library_class == "AutoencoderKL":
        if embedded != network["z_channels"]:
            raise BenchError(f"embed_dim {embedded} differs from z_channels {network['z_channels']}")
    else:
        arguments["vq_embed_dim"] = embedded
        if config.get("n_embed") is not None:
            arguments["num_vq_embeddings"] = config["n_embed"]
    return Layout(
        arguments,
        prefixes=("", "first_stage_model.", "vqgan.", "model."),
        renames=_renames(levels),
        sizes=(("num_vq_embeddings", "quantize.embedding.weight", 0),) if library_class == "VQModel" else (),
    )


def _check(network: Mapping[str, Any], doubled: bool) -> None:
    if lacking := [key for key in _NEEDED if key not in network]:
        raise BenchError(f"ddconfig lacks {', '.join(lacking)}")
    numbers = ("ch", "num_res_blocks", "in_channels", "out_ch", "resolution", "z_channels")
    for key in _NEEDED:
        values = [network[key]] if key in numbers else network[key]
        if not isinstance(values, list) or not all(isinstance(value, int) for value in values):
            raise BenchError(f"ddconfig: {key} must be {'a whole number' if key in numbers else 'whole numbers'}")
    others = {key: network[key] for key, value in _SAME.items() if network.get(key, value) != value}
    if network.get("double_z", True) != doubled:
        others["double_z"] = network.get("double_z", True)
    if others:
        shown = ", ".join(f"{key}: {value}" for key, value in others.items())
        raise BenchError(f"ddconfig describes another network than diffusers has ({shown})")


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
