"""RQ-VAE, residual quantization of images (Lee et al. 2022, arXiv 2203.01941; github.com/kakaobrain)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from bench.errors import BenchError
from bench.modalities.image.networks.ddconfig import Quantizer
from bench.modalities.image.networks.nearest_entry import nearest
from bench.modalities.image.tokenizers.taming_codes import TamingCodes
from bench.tokenizers.layouts import Layout


class Residuals(Quantizer):
    """A codebook per level for what the levels before it leave, or one for all.

    Each has a row more than it has entries, which stands for no code.
    """

    def __init__(self, entries: int, channels: int, levels: int, shared: bool) -> None:
        super().__init__()
        books = [nn.Embedding(entries + 1, channels) for _ in range(1 if shared else levels)]
        self.codebooks = nn.ModuleList(books * levels if shared else books)
        self.entries = (entries,) * levels

    def encode(self, latents: torch.Tensor) -> tuple[torch.Tensor, ...]:
        rest, codes = latents.permute(0, 2, 3, 1), []
        for book in self.codebooks:
            assert isinstance(book, nn.Embedding)
            codes.append(nearest(rest, book.weight[:-1]))
            rest = rest - book(codes[-1])
        return tuple(codes)

    def decode(self, codes: tuple[torch.Tensor, ...]) -> torch.Tensor:
        vectors = torch.stack([book(code) for book, code in zip(self.codebooks, codes, strict=True)]).sum(0)
        return vectors.permute(0, 3, 1, 2)


class RQVAE(TamingCodes):
    """RQ-VAE: codes of several levels at each position of one grid.

    Args:
        path, repo, subfolder, revision, offline, file, config, weights: see ``bench.tokenizers.checkpoint.locate``.
    """

    called = "RQ-VAE"
    targets = ()
    renames = ((r"^quantizer\.", "quantize."),)
    unused = r"quantizer\.codebooks\.\d+\.(cluster_size_ema|embed_ema)"

    @classmethod
    def layout(cls, config: Mapping[str, Any]) -> Layout | None:
        """The layout of a file; ``config`` is ``arch`` of the publisher's YAML file.

        Raises:
            BenchError: the network is another one.
        """
        if not isinstance(config.get("hparams"), Mapping):
            return None
        latents, codes = config["hparams"]["latent_shape"], config["hparams"]["code_shape"]
        if latents[:2] != codes[:2]:
            raise BenchError(f"code_shape {codes} does not have the grid of latent_shape {latents}")
        return super().layout(config)

    @classmethod
    def embedded(cls, config: Mapping[str, Any]) -> int:
        return int(config["hparams"]["embed_dim"])

    @classmethod
    def quantizer(cls, config: Mapping[str, Any]) -> Residuals:
        chosen = config["hparams"]
        return Residuals(chosen["n_embed"], chosen["embed_dim"], chosen["code_shape"][2], chosen["shared_codebook"])
