"""BSQ-ViT: binary spherical quantization (Zhao et al. 2024, arXiv 2406.07548; github.com/zhaoyue-zephyrus/bsq-vit)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn

from bench.contracts.tokens import Codebook
from bench.errors import BenchError
from bench.modalities.image.networks import bsqvit
from bench.modalities.image.networks.signs import codes_of_signs, signs_of_codes
from bench.modalities.image.tokenizers.published import PublishedCodes
from bench.tokenizers.layouts import Layout, reject_other_choices
from bench.tokenizers.pretrained import area

_SAME = {"logit_laplace": False, "dvitconfig": None}
_SAME_VIT: dict[str, Any] = {"mlp_ratio": 4, "num_frames": 1, "ls_init_value": None, "ln_pre": True, "ln_post": True}
_SAME_VIT |= {"mask_type": "none", "use_ffn_output": True, "dim_ffn_output": bsqvit.HIDDEN}
"""Choices of the publisher's model and of its transformers that no published file has others of."""


class Network(nn.Module):
    """Encoder, decoder, and the projections to the signs and back.

    Args:
        bits: bits of the code of each level.
        scale: what a sign counts for the decoder.
        vit: arguments of both transformers.
    """

    def __init__(self, bits: Sequence[int], scale: float, vit: Mapping[str, Any]) -> None:
        super().__init__()
        names = ("image_size", "patch_size", "width", "layers", "heads")
        arguments = [vit[name] for name in names]
        self.encoder, self.decoder = bsqvit.Encoder(*arguments), bsqvit.Decoder(*arguments)
        self.quant_embed = nn.Linear(vit["width"], sum(bits))
        self.post_quant_embed = nn.Linear(sum(bits), vit["width"])
        self.bits, self.scale, self.side, self.factor = tuple(bits), scale, vit["image_size"], vit["patch_size"]


class BSQViT(PublishedCodes):
    """BSQ-ViT: the corner of a cube at each position of an image, as one code or as several.

    The first channel is the highest binary digit of a code. The publisher evaluates in bfloat16 where it can.

    Args:
        path, repo, subfolder, revision, offline, file, config, weights: see ``bench.tokenizers.checkpoint.locate``.
    """

    called = "BSQ-ViT's VITBSQModel"

    @staticmethod
    def layout(config: Mapping[str, Any]) -> Layout | None:
        """The layout of a file.

        Args:
            config: arguments of the publisher's ``VITBSQModel``, or a configuration with them under ``model.params``.
                Beside them ``code_bits`` may state the bits of several codes at each position; otherwise there is one.

        Returns:
            None if the configuration is of another model.

        Raises:
            BenchError: it is of a network that no published file has.
        """
        arguments = _arguments(config)
        if "vitconfig" not in arguments or "embed_dim" not in arguments or "n_embed" in arguments:
            return None
        vit, bits = arguments["vitconfig"], _bits(arguments)
        reject_other_choices(arguments, _SAME)
        reject_other_choices(vit, _SAME_VIT)
        if sum(bits) != arguments["embed_dim"]:
            raise BenchError(f"codes of {' + '.join(map(str, bits))} bits for {arguments['embed_dim']} channels")
        scale = arguments["embed_dim"] ** -0.5 if arguments.get("post_q_l2_norm") else 1.0
        return Layout({"bits": bits, "scale": scale, "vit": vit})

    @classmethod
    def network(cls, config: dict[str, Any]) -> Network:
        return Network(**config)

    @staticmethod
    def factor_of(model: Network) -> int:
        return int(model.factor)

    @staticmethod
    def side_of(model: Network) -> int:
        return int(model.side)

    def codebooks_in(self, model: Network) -> tuple[Codebook, ...]:
        return _codebooks(model.bits, model.factor)

    @classmethod
    def codebooks_of(cls, config: Mapping[str, Any]) -> tuple[Codebook, ...]:
        arguments = _arguments(config)
        return _codebooks(_bits(arguments), arguments["vitconfig"]["patch_size"])

    def codes_of(self, images: torch.Tensor) -> tuple[torch.Tensor, ...]:
        latents = self.model.quant_embed(self.model.encoder(images).movedim(1, -1)).movedim(-1, 1)
        return codes_of_signs(latents, self.model.bits, lowest_first=False)

    def images_of(self, codes: tuple[torch.Tensor, ...]) -> torch.Tensor:
        signs = signs_of_codes(codes, self.model.bits, lowest_first=False).to(self.dtype)
        vectors = self.model.post_quant_embed(signs.movedim(1, -1) * self.model.scale).movedim(-1, 1)
        images: torch.Tensor = self.model.decoder(vectors)
        return images.clamp(-1, 1)


def _arguments(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """The arguments of the model, of a whole configuration or as they are."""
    model = config.get("model")
    return model.get("params", {}) if isinstance(model, Mapping) else config


def _bits(arguments: Mapping[str, Any]) -> tuple[int, ...]:
    return tuple(arguments.get("code_bits", (arguments["embed_dim"],)))


def _codebooks(bits: Sequence[int], factor: int) -> tuple[Codebook, ...]:
    return tuple(Codebook(2**count, area(factor)) for count in bits)
