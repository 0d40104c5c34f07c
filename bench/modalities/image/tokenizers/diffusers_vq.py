"""Discrete image tokenizers of diffusers: VQModel."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from bench.contracts.tokens import Codebook, Tokens
from bench.modalities.image.tokenizers import taming
from bench.modalities.image.tokenizers.diffusers_autoencoders import load_diffusers
from bench.tokenizers.pretrained import PretrainedTokenizer, area


class VQModel(PretrainedTokenizer):
    """VQ autoencoder with one codebook: VQGAN (Esser et al. 2021), MoVQ (Zheng et al. 2022), aMUSEd's VQGAN.

    It reads what diffusers wrote, and files of weights of taming-transformers and latent-diffusion.

    Args:
        path, repo, subfolder, revision, offline, file, config, weights: see ``bench.tokenizers.checkpoint.locate``.
    """

    packages = ("diffusers",)

    def __init__(
        self,
        path: str | None = None,
        repo: str | None = None,
        subfolder: str | None = None,
        revision: str | None = None,
        offline: bool = False,
        file: str | None = None,
        config: Mapping[str, Any] | str | None = None,
        weights: str | None = None,
    ) -> None:
        checkpoint, model = load_diffusers("VQModel", path, repo, subfolder, revision, offline, file, config, weights)
        super().__init__(checkpoint, model, 2 ** (len(model.config.block_out_channels) - 1))
        self.codebooks = (Codebook(model.config.num_vq_embeddings, self.covers),)

    @classmethod
    def codebooks_of(cls, config: Mapping[str, Any]) -> tuple[Codebook, ...]:
        layout = taming.layout(config, "VQModel")
        if layout is None or "num_vq_embeddings" not in layout.config:
            return ()
        return (
            Codebook(layout.config["num_vq_embeddings"], area(2 ** (len(layout.config["block_out_channels"]) - 1))),
        )

    @torch.no_grad()
    def encode(self, batch: torch.Tensor) -> Tokens:
        latents = self.model.encode(self.prepared(batch)).latents
        # One image at a time: distances to all entries take memory, and a product's rounding depends on its size.
        codes = [self.model.quantize(latent[None])[2][2].view(latent.shape[1:]) for latent in latents]
        return Tokens(codes=(torch.stack(codes),), signal_shape=tuple(batch.shape[1:]))

    @torch.no_grad()
    def decode(self, tokens: Tokens) -> torch.Tensor:
        codes = tokens.codes[0].to(self.device)
        shape = (*codes.shape, self.model.quantize.vq_embed_dim)
        if self.model.config.lookup_from_codebook:
            output = self.model.decode(codes, force_not_quantize=True, shape=shape)
        else:
            entries = self.model.quantize.get_codebook_entry(codes, shape)
            output = self.model.decode(entries, force_not_quantize=True)
        return self.restored(output.sample, tokens)
