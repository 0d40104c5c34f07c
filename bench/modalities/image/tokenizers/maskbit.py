"""The tokenizers of MaskBit: VQGAN+, and the one with bits for codes (Weber et al. 2024, arXiv 2409.16211)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from bench.contracts.tokens import Codebook
from bench.errors import BenchError
from bench.modalities.image.networks.maskgit import RENAMES
from bench.modalities.image.networks.nearest_entry import NearestEntry
from bench.modalities.image.networks.signs import codes_of_signs, signs_of_codes
from bench.modalities.image.tokenizers.maskgit import MaskGIT, Network
from bench.tokenizers.layouts import Layout
from bench.tokenizers.pretrained import area

_SIZES = ("hidden_channels", "channel_mult", "num_res_blocks", "token_size", "codebook_size", "quantizer_type")
_QUANTIZERS = ("lookup", "lookup-free")


class Signs(nn.Module):
    """Lookup-free quantization: whether each channel is positive, the first channel in the lowest bit of the code."""

    def __init__(self, bits: int) -> None:
        super().__init__()
        self.bits, self.size = bits, 2**bits

    def encode(self, vectors: torch.Tensor) -> torch.Tensor:
        """Codes int64 ``[...]`` of vectors ``[..., bits]``."""
        return codes_of_signs(vectors.movedim(-1, 1), [self.bits])[0]

    def decode(self, codes: torch.Tensor) -> torch.Tensor:
        """Vectors ``[..., bits]`` of -1 and 1."""
        return signs_of_codes([codes], [self.bits]).movedim(1, -1)


class MaskBit(MaskGIT):
    """A tokenizer of MaskBit's repository: one code per 16x16 pixels, of a codebook or of signs. It sees [0, 1].

    Its configuration is ``model.vq_model`` of the repository's YAML files. ``model_class: maskgit`` is the order of the
    decoder's stages in MaskGIT's and older weights, which the repository calls ``legacy``.

    Args:
        path, repo, subfolder, revision, offline, file, config, weights: see ``bench.tokenizers.checkpoint.locate``.
    """

    called = "MaskBit's tokenizer"

    @staticmethod
    def layout(config: Mapping[str, Any]) -> Layout | None:
        """The layout of a file; ``config`` is ``model.vq_model`` of a YAML file, or the whole of it."""
        model = config.get("model", config)
        model = model.get("vq_model", model)
        if "quantizer_type" not in model:
            return None
        if model["quantizer_type"] not in _QUANTIZERS:
            raise BenchError(f"quantizer_type {model['quantizer_type']}: known are {' and '.join(_QUANTIZERS)}")
        arguments = {name: model[name] for name in _SIZES} | {
            "learned": model["sample_with_conv"],
            "finest_first": model.get("model_class") == "maskgit",
            "normalized": model.get("use_l2_normalisation", False),
            "decoder_blocks": model.get("num_res_blocks_decoder"),
        }
        names = ((r"\.mid\.res_blocks\.", ".mid."), (r"\.res_blocks\.", ".block."), *RENAMES)
        return Layout(arguments, renames=names, unused=r"quantize\.(codebook|bits_to_indices)")

    @classmethod
    def network(cls, config: dict[str, Any]) -> Network:
        arguments = dict(config)
        kind, entries, channels = (arguments.pop(name) for name in ("quantizer_type", "codebook_size", "token_size"))
        normalized = arguments.pop("normalized")
        quantize = Signs(channels) if kind == "lookup-free" else NearestEntry(entries, channels, normalized)
        return Network(quantize, channels, **arguments)

    @classmethod
    def codebooks_of(cls, config: Mapping[str, Any]) -> tuple[Codebook, ...]:
        # The repository's configurations state 4096 entries for codes of 14 bits and more.
        signs = config["quantizer_type"] == "lookup-free"
        entries = 2 ** config["token_size"] if signs else config["codebook_size"]
        return (Codebook(entries, area(2 ** (len(config["channel_mult"]) - 1))),)
