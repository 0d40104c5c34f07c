"""HART's tokenizer (Tang et al. 2024, arXiv 2410.10812; github.com/mit-han-lab/hart): codes and what they leave."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from bench.contracts.tokens import Tokens
from bench.errors import BenchError
from bench.modalities.image.tokenizers.published import each
from bench.modalities.image.tokenizers.var import FACTORS, VAR
from bench.tokenizers.layouts import Layout, reject_other_choices

DEFAULTS = {
    "vocab_size": 4096,
    "z_channels": 32,
    "ch": 160,
    "quant_conv_ks": 3,
    "quant_resi": 0.5,
    "share_quant_resi": 4,
    "v_patch_nums": [1, 2, 3, 4, 5, 6, 8, 10, 13, 16],
}
"""Arguments of VAR's network in ``HARTAutoEncoderConfig``, and what they are where a configuration does not say."""
_ALIKE = {"ch_mult": list(FACTORS), "using_znorm": False}


def layout(config: Mapping[str, Any]) -> Layout | None:
    """The layout of a folder; ``config`` is HART's ``config.json``, with the discriminator or without it.

    Raises:
        BenchError: the configuration describes another network than VAR's.
    """
    if not str(config.get("model_type", "")).startswith("hart_autoencoder"):
        return None
    reject_other_choices(config, _ALIKE)
    values = {key: config.get(key, value) for key, value in DEFAULTS.items()}
    return Layout(values, prefixes=("", "vae."), unused=r"quantize\.ema_vocab_hit_SV")


class HARTCodes(VAR):
    """HART's codes alone, which its decoder was trained to decode half of the time. Sizes are as of VAR.

    Args:
        path, repo, subfolder, revision, offline, file, config, weights: see ``bench.tokenizers.checkpoint.locate``.
    """

    called = "HART's tokenizer"

    @staticmethod
    def layout(config: Mapping[str, Any]) -> Layout | None:
        """See :func:`layout`; a second decoder, which is for codes alone, is rejected."""
        if config.get("double_decoder"):
            raise BenchError("has a second decoder for codes alone (double_decoder), which is not supported; use hart")
        return layout(config)


class HART(VAR):
    """HART's hybrid tokens: codes of all scales, and the latents that they leave over at the finest one.

    The entries of the finest scale count as they are, without the convolution that follows those of the others: HART
    generates the residual of that sum. Decoded are codes and residual together, so the scales do not change an image.

    Args:
        path, repo, subfolder, revision, offline, file, config, weights: see ``bench.tokenizers.checkpoint.locate``.
    """

    called = "HART's tokenizer"

    @staticmethod
    def layout(config: Mapping[str, Any]) -> Layout | None:
        """See :func:`layout`."""
        return layout(config)

    def positions(self, height: int, width: int) -> list[int]:
        codes = super().positions(height, width)
        return [*codes, codes[-1]]

    @torch.no_grad()
    def encode(self, batch: torch.Tensor) -> Tokens:
        maps = self.model.quant_conv(self.model.encoder(self.prepared(batch)))
        codes = each(self.model.quantize.encode, maps)
        latents = (maps - self._coded(codes)).float().movedim(1, -1).contiguous()
        return Tokens(codes=codes, latents=latents, signal_shape=tuple(batch.shape[1:]))

    @torch.no_grad()
    def decode(self, tokens: Tokens) -> torch.Tensor:
        assert tokens.latents is not None
        rest = tokens.latents.movedim(-1, 1).to(self.device, self.dtype)
        maps = self._coded(tuple(code.to(self.device) for code in tokens.codes)) + rest
        return self.restored(self.model.decoder(self.model.post_quant_conv(maps)), tokens)

    def _coded(self, codes: tuple[torch.Tensor, ...]) -> torch.Tensor:
        """What the codes of all scales stand for, maps ``[batch, channels, height, width]``."""
        quantize = self.model.quantize
        size = codes[-1].shape[1:]
        finest: torch.Tensor = quantize.embedding(codes[-1]).movedim(-1, 1)
        return torch.stack([finest, *(quantize.added(s, code, size) for s, code in enumerate(codes[:-1]))]).sum(0)
