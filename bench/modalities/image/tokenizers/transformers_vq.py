"""Discrete image tokenizers of transformers: JanusVQVAE and Emu3VQVAE."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch.nn import functional as F

from bench.contracts.tokens import Codebook
from bench.errors import BenchError
from bench.modalities.image.tokenizers.published import PublishedCodes, each
from bench.tokenizers.layouts import Layout
from bench.tokenizers.pretrained import area, model_class


class TransformersVQ(PublishedCodes):
    """A transformers VQ autoencoder with one codebook, alone or within a multimodal model's checkpoint.

    ``called`` is the library's class.

    Args:
        path, repo, subfolder, revision, offline, file, config, weights: see ``bench.tokenizers.checkpoint.locate``.
    """

    @classmethod
    def network(cls, config: dict[str, Any]) -> Any:
        kind = model_class("transformers", cls.called)
        return kind(kind.config_class.from_dict(config))

    @staticmethod
    def factor_of(model: Any) -> int:
        return int(2 ** (len(model.config.channel_multiplier) - 1))

    def codebooks_in(self, model: Any) -> tuple[Codebook, ...]:
        return (Codebook(model.quantize.embedding.num_embeddings, area(self.factor_of(model))),)

    @classmethod
    def codebooks_of(cls, config: Mapping[str, Any]) -> tuple[Codebook, ...]:
        layout = cls.layout(config)
        if layout is None or not {"num_embeddings", "channel_multiplier"} <= layout.config.keys():
            return ()
        return (Codebook(layout.config["num_embeddings"], area(2 ** (len(layout.config["channel_multiplier"]) - 1))),)


class JanusVQ(TransformersVQ):
    """The VQ autoencoder of Janus (Chen et al. 2025, arXiv 2501.17811), which is LlamaGen's (Sun et al. 2024,
    arXiv 2406.06525).

    It reads JanusVQVAE alone, the whole Janus model, and LlamaGen's own checkpoints.

    Args:
        nearest: how the encoder chooses a code. ``cosine`` compares directions, as both publishers define
            and trained it (``codebook_l2_norm``); ``euclidean`` is what transformers computes, which
            leaves the lengths of codebook entries in. They agree where all entries have length 1. The
            decoder normalizes entries in both.
    """

    called = "JanusVQVAE"
    nearest = "cosine"

    def __init__(
        self,
        path: str | None = None,
        repo: str | None = None,
        subfolder: str | None = None,
        revision: str | None = None,
        nearest: str = "cosine",
        offline: bool = False,
        file: str | None = None,
        config: Mapping[str, Any] | str | None = None,
        weights: str | None = None,
    ) -> None:
        if nearest not in ("cosine", "euclidean"):
            raise BenchError(f"nearest={nearest}: choose cosine or euclidean")
        super().__init__(path, repo, subfolder, revision, offline, file, config, weights)
        self.nearest = nearest

    @staticmethod
    def layout(config: Mapping[str, Any]) -> Layout | None:
        match config:
            case {"model_type": "janus_vqgan"}:
                return Layout(config)
            case {"model_type": "janus", "vq_config": dict(inner)}:
                return Layout(inner, ("model.vqmodel.",))
            case {"encoder_ch_mult": widths, "decoder_ch_mult": same, "codebook_l2_norm": True} if widths == same:
                return Layout(
                    {
                        "embed_dim": config["codebook_embed_dim"],
                        "num_embeddings": config["codebook_size"],
                        "latent_channels": config["z_channels"],
                        "channel_multiplier": widths,
                    },
                    renames=(
                        (r"^encoder\.conv_blocks\.", "encoder.down."),
                        (r"^decoder\.conv_blocks\.", "decoder.up."),
                        (r"\.res\.", ".block."),
                        (r"\.mid\.1\.", ".mid.attn_1."),
                        (r"\.mid\.0\.", ".mid.block_1."),
                        (r"\.mid\.2\.", ".mid.block_2."),
                    ),
                )
        return None

    def codes_of(self, images: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return each(self._codes, self.model.quant_conv(self.model.encoder(images)))

    def _codes(self, latents: torch.Tensor) -> tuple[torch.Tensor]:
        if self.nearest == "euclidean":
            codes = self.model.quantize(latents)[2]
        else:
            entries = F.normalize(self.model.quantize.embedding.weight, dim=1)
            codes = (F.normalize(latents[0].flatten(1).T, dim=1) @ entries.T).argmax(1)
        return (codes.view(1, *latents.shape[2:]),)

    def images_of(self, codes: tuple[torch.Tensor, ...]) -> torch.Tensor:
        # The library fixes the grid to that of the language model's images; the network takes any.
        self.model.quantize.quant_state_dims = list(codes[0].shape[1:])
        images: torch.Tensor = self.model.decode(codes[0].flatten(1))
        return images


class Emu3VQ(TransformersVQ):
    """The vision tokenizer of Emu3 (Wang et al. 2024, arXiv 2409.18869), on single images.

    As in both publishers' code an image is encoded as a still clip and the first frame decoded. It reads
    Emu3VQVAE alone, the whole Emu3 model, and the original Emu3-VisionTokenizer (no remote code is run).
    """

    called = "Emu3VQVAE"

    @staticmethod
    def layout(config: Mapping[str, Any]) -> Layout | None:
        match config:
            case {"model_type": "emu3_vqgan"}:
                return Layout(config)
            case {"model_type": "emu3", "vq_config": dict(inner)}:
                return Layout(inner, ("model.vqmodel.", "vqmodel."))
            case {"model_type": "Emu3VisionVQ"}:
                same = ("codebook_size", "embed_dim", "in_channels", "out_channels", "temporal_downsample_factor")
                return Layout(
                    {name: config[name] for name in (*same, "num_res_blocks", "attn_resolutions")}
                    | {
                        "latent_channels": config["z_channels"],
                        "double_latent": config["double_z"],
                        "base_channels": config["ch"],
                        "channel_multiplier": config["ch_mult"],
                        "hidden_size": config["ch"] * config["ch_mult"][-1],
                    },
                    renames=(
                        (r"^encoder\.down\.", "encoder.down_block.down."),
                        (r"^decoder\.up\.", "decoder.up_block.up."),
                        (r"\.mid\.attn_1\.norm\.", ".middle_block.attn_norm."),
                        (r"\.mid\.", ".middle_block."),
                        (r"\.attn\.(\d+)\.norm\.", r".attn_norms.\1."),
                        (r"\.(attn\.\d+|attn_1)\.([qkv])\.", r".\1.\2_proj."),
                        (r"\.(attn\.\d+|attn_1)\.proj_out\.", r".\1.out_proj."),
                    ),
                )
        return None

    def codes_of(self, images: torch.Tensor) -> tuple[torch.Tensor, ...]:
        clip = images.unsqueeze(1).repeat(1, self.model.config.temporal_downsample_factor, 1, 1, 1)
        latents = self.model.quant_conv(self.model.encoder(clip).transpose(1, 2)).transpose(1, 2)
        return each(lambda latent: (self.model.quantize(latent)[:, 0],), latents)

    def images_of(self, codes: tuple[torch.Tensor, ...]) -> torch.Tensor:
        images: torch.Tensor = self.model.decode(codes[0])
        return images
