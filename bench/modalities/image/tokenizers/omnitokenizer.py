"""OmniTokenizer (Wang et al. 2024, arXiv 2406.09399; FoundationVision/OmniTokenizer) on single images, VQ and VAE."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from bench.contracts.tokens import Codebook
from bench.errors import BenchError
from bench.modalities.image.networks.nearest_entry import NearestEntry
from bench.modalities.image.networks.omnitokenizer import Decoder, Encoder
from bench.modalities.image.tokenizers.posterior import PosteriorLatents
from bench.modalities.image.tokenizers.published import Published, PublishedCodes, each
from bench.tokenizers.layouts import Layout
from bench.tokenizers.pretrained import area

_RENAMES = (
    (r"\.gamma$", ".weight"),
    (r"\.beta$", ".bias"),
    (r"^codebook\.embeddings$", "codebook.embedding.weight"),
)
_UNUSED = (
    r"encoder\.to_patch_emb\.",
    r"decoder\.to_pixels\.",
    r"codebook\.(N|z_avg|codebook_usage)$",
    r"(en|de)coder\..*\.(context_norm\.|relative_position_index$)",
    r"(en|de)coder\.(enc|dec)_temporal_transformer\..*\.spatial_rel_pos_bias\.",
)
"""Tensors of videos, of training, and of attention that an image does not meet."""


class Network(nn.Module):
    """Encoder, projections to and from what is quantized, codebook, and decoder.

    Args:
        resolution, patch_size: in pixels.
        embedding_dim, dim_head, heads, ff_mult: of all transformers.
        enc_block, dec_block, twod_window_size: see :class:`bench.modalities.image.networks.omnitokenizer.Transformer`.
        temporal_depth: blocks over time.
        spatial_pos: see :class:`bench.modalities.image.networks.omnitokenizer.Attention`.
        n_codes, codebook_dim: entries and their channels.
        use_vae: whether it has a posterior instead of the codebook.
    """

    def __init__(
        self,
        resolution: int,
        patch_size: int,
        embedding_dim: int,
        dim_head: int,
        heads: int,
        ff_mult: float,
        enc_block: str,
        dec_block: str,
        twod_window_size: int,
        temporal_depth: int,
        spatial_pos: str,
        n_codes: int,
        codebook_dim: int,
        use_vae: bool,
    ) -> None:
        super().__init__()
        self.side, self.patch = resolution, patch_size
        sizes = {
            "heads": heads,
            "head": dim_head,
            "positions": spatial_pos,
            "window": twod_window_size,
            "factor": ff_mult,
        }
        self.encoder = Encoder(embedding_dim, patch_size, enc_block, temporal_depth, sizes)
        self.decoder = Decoder(embedding_dim, patch_size, dec_block, temporal_depth, sizes)
        if not use_vae:
            self.codebook = NearestEntry(n_codes, codebook_dim)
        # The publisher's first modules move the channels to the last dimension.
        width = codebook_dim * (1 + use_vae)
        self.pre_vq_conv = nn.Sequential(nn.Identity(), nn.Linear(embedding_dim, width))
        self.post_vq_conv = nn.Sequential(nn.Identity(), nn.Linear(codebook_dim, embedding_dim))

    def encoded(self, images: torch.Tensor) -> torch.Tensor:
        """What is quantized ``[batch, rows, columns, width]`` of images in [-1, 1]; the network sees half of that."""
        vectors: torch.Tensor = self.pre_vq_conv(self.encoder(images / 2))
        return vectors

    def decoded(self, vectors: torch.Tensor) -> torch.Tensor:
        """Images in [-1, 1] of vectors ``[batch, rows, columns, codebook_dim]``."""
        images: torch.Tensor = 2 * self.decoder(self.post_vq_conv(vectors))
        return images


class OmniTokenizer(Published):
    """What both kinds of OmniTokenizer share; an image is a video of one frame to them."""

    called = "OmniTokenizer"
    vae: bool

    @staticmethod
    def layout(config: Mapping[str, Any]) -> Layout | None:
        """The layout of a file; ``config`` has the arguments of :class:`Network`."""
        if not {"enc_block", "spatial_pos", "use_vae"} <= config.keys():
            return None
        if config["spatial_pos"] not in ("rope", "rel", "none"):
            raise BenchError(f"spatial_pos {config['spatial_pos']!r} is none of rope, rel, none")
        unused = _UNUSED if config["spatial_pos"] == "rel" else (*_UNUSED, r".*\.spatial_rel_pos_bias\.")
        return Layout(config, renames=_RENAMES, unused="|".join(f"{pattern}.*" for pattern in unused))

    @classmethod
    def network(cls, config: dict[str, Any]) -> Network:
        if config["use_vae"] != cls.vae:
            raise ValueError(f"use_vae: {config['use_vae']} is of the other kind of OmniTokenizer")
        return Network(**config)

    @staticmethod
    def factor_of(model: Network) -> int:
        return model.patch

    @staticmethod
    def side_of(model: Network) -> int:
        return model.side


class OmniTokenizerVQ(OmniTokenizer, PublishedCodes):
    """OmniTokenizer with one codebook: the entry nearest to a vector of length 1 for each patch.

    Args:
        path, repo, subfolder, revision, offline, file, config, weights: see ``bench.tokenizers.checkpoint.locate``.
    """

    vae = False

    def codebooks_in(self, model: Network) -> tuple[Codebook, ...]:
        return (Codebook(model.codebook.size, area(model.patch)),)

    @classmethod
    def codebooks_of(cls, config: Mapping[str, Any]) -> tuple[Codebook, ...]:
        return (Codebook(config["n_codes"], area(config["patch_size"])),)

    def codes_of(self, images: torch.Tensor) -> tuple[torch.Tensor, ...]:
        vectors = F.normalize(self.model.encoded(images), dim=-1)
        return each(lambda vector: (self.model.codebook.encode(vector),), vectors)

    def images_of(self, codes: tuple[torch.Tensor, ...]) -> torch.Tensor:
        images: torch.Tensor = self.model.decoded(self.model.codebook.decode(codes[0]))
        return images


class OmniTokenizerVAE(OmniTokenizer, PosteriorLatents):
    """OmniTokenizer with latents: eight numbers for each patch.

    Args:
        path, repo, subfolder, revision, offline, file, config, weights: see ``bench.tokenizers.checkpoint.locate``.
        latents: ``mode`` of the posterior, or a ``sample`` of it, as the publisher's evaluation takes.
        seed: seed of the samples; see ``bench.modalities.image.tokenizers.posterior``.
    """

    vae = True

    def posterior_of(self, images: torch.Tensor) -> torch.Tensor:
        parameters: torch.Tensor = self.model.encoded(images)
        return parameters

    def images_of(self, latents: torch.Tensor) -> torch.Tensor:
        images: torch.Tensor = self.model.decoded(latents)
        return images
