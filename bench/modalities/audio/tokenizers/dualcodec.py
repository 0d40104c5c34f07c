"""DualCodec, semantic and acoustic codes (Li et al. 2025, arXiv 2505.13000; the package ``dualcodec``)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from bench.errors import BenchError, whole_number
from bench.modalities.audio.networks.codebooks import Factorized, decode_residuals, encode_residuals
from bench.modalities.audio.networks.dac import decoder, encoder
from bench.modalities.audio.tokenizers.pretrained import PretrainedAudioTokenizer, Structure, check_books
from bench.modalities.audio.tokenizers.published import PublishedCodec
from bench.tokenizers.checkpoint_files import require
from bench.tokenizers.layouts import Layout
from bench.tokenizers.pretrained import model_class
from bench.tokenizers.transformers_models import load_transformers

FEATURES = "facebook/w2v-bert-2.0"
"""The model whose features it codes, on the hub."""
FEATURES_RATE, WINDOW, STEP = 16000, 400, 160
"""Samples per second that the model hears, and samples of a frame of its filter banks and between two of them."""
LAYER = 17
"""Transformer layer whose output is coded, counted from 1."""
WIDTH, BOOK_WIDTH, INNER, BLOCKS = 1024, 8, 2048, 4
"""Width of the features, dimensions of all codebooks, and width and number of blocks around the semantic one."""


class CausalBlock(nn.Module):
    """A ConvNeXt block that sees six frames back."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.dwconv = nn.Conv1d(channels, channels, 7, groups=channels)
        self.norm = nn.LayerNorm(channels, eps=1e-6)
        self.pwconv1, self.pwconv2 = nn.Linear(channels, INNER), nn.Linear(INNER, channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        inner = self.norm(self.dwconv(F.pad(x, (6, 0))).transpose(1, 2))
        inner = self.pwconv2(F.gelu(self.pwconv1(inner)))
        out: torch.Tensor = x + inner.transpose(1, 2)
        return out


class Books(nn.Module):
    """Codebooks one after the other, each of what the ones before it leave."""

    def __init__(self, channels: int, entries: int, count: int) -> None:
        super().__init__()
        self.quantizers = nn.ModuleList(Factorized(channels, entries, BOOK_WIDTH) for _ in range(count))

    @property
    def books(self) -> list[Factorized]:
        """The codebooks."""
        return [book for book in self.quantizers if isinstance(book, Factorized)]


class Acoustic(nn.Module):
    """The codec of what semantic codes leave of a wave."""

    def __init__(
        self,
        latents: int,
        encoder_dim: int,
        encoder_rates: Sequence[int],
        decoder_dim: int,
        decoder_rates: Sequence[int],
        books: Books,
    ) -> None:
        super().__init__()
        self.encoder, self.quantizer = encoder(encoder_dim, encoder_rates, latents), books
        self.decoder = nn.Module()
        self.decoder.model = decoder(latents, decoder_dim, decoder_rates)


class Statistics(nn.Module):
    """Mean and variance of the features, by which they are normalized."""

    mean: torch.Tensor
    var: torch.Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("var", torch.ones(width))


class Network(nn.Module):
    """Both codecs; arguments by the package's names."""

    def __init__(
        self,
        sample_rate: int,
        encoder_rates: Sequence[int],
        decoder_rates: Sequence[int],
        n_codebooks: int,
        codebook_size: int,
        semantic_codebook_size: int,
        encoder_dim: int = 64,
        decoder_dim: int = 1536,
        semantic_downsample_factor: int = 2,
        convnext_dim: int = 768,
        semantic_dim: int = WIDTH,
    ) -> None:
        super().__init__()
        self.rate, self.hop, self.joined = sample_rate, math.prod(encoder_rates), semantic_downsample_factor
        blocks = [[CausalBlock(convnext_dim) for _ in range(BLOCKS)] for _ in range(2)]
        self.convnext_encoder = nn.Sequential(nn.Conv1d(semantic_dim, convnext_dim, 1), *blocks[0])
        self.convnext_decoder = nn.Sequential(*blocks[1], nn.Conv1d(convnext_dim, semantic_dim, 1))
        self.semantic_vq = Books(convnext_dim, semantic_codebook_size, 1)
        books = Books(semantic_dim, codebook_size, n_codebooks)
        self.dac = Acoustic(semantic_dim, encoder_dim, encoder_rates, decoder_dim, decoder_rates, books)
        self.statistics = Statistics(semantic_dim)

    def semantic(self, codes: torch.Tensor) -> torch.Tensor:
        """What semantic codes ``[batch, frames]`` say of the latents ``[batch, width, frames]``."""
        decoded: torch.Tensor = self.convnext_decoder(decode_residuals([codes], self.semantic_vq.books))
        return decoded


class DualCodec(PublishedCodec):
    """DualCodec: one codebook of w2v-BERT 2.0's features, then those of a codec for what they leave, at 24 kHz.

    Features are computed in float32, where the package computes them in float16. Nothing is padded, so the end of a
    clip that fills no frame of features has no codes; a clip that is shorter than one gets zeros.

    Args:
        path, repo, subfolder, revision, offline, file, config, weights: see ``bench.tokenizers.checkpoint.locate``.
        books: how many codebooks to use, from the semantic one; all if None.
        features: a folder with w2v-BERT 2.0; from the hub if None.
        layer: its layer whose output is coded, counted from 1.
    """

    called = "DualCodec"
    pads = False

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
        books: int | None = None,
        features: str | None = None,
        layer: int = LAYER,
    ) -> None:
        require("torchaudio.functional")
        super().__init__(path, repo, subfolder, revision, offline, file, config, weights)
        used = check_books(books, len(self.codebooks), self.folder)
        self.structure = replace(self.structure, sizes=self.structure.sizes[:used])
        self.codebooks = self.structure.codebooks
        checkpoint, hearing = load_transformers("Wav2Vec2BertModel", features, FEATURES, None, None, offline)
        if (width := hearing.config.hidden_size) != (wanted := len(self.model.statistics.mean)):
            raise BenchError(f"{checkpoint.place}: features of {width} channels, where {self.folder} codes {wanted}")
        whole_number(f"{checkpoint.place}: layer", layer, 1, hearing.config.num_hidden_layers)
        hearing.encoder.layers = hearing.encoder.layers[:layer]  # nothing sees what comes after them
        self.hearing: Any = hearing.eval().requires_grad_(False)
        self.weights |= {f"features/{name}": value for name, value in checkpoint.hashes(checkpoint.files).items()}
        self.extractor = model_class("transformers", "SeamlessM4TFeatureExtractor")(
            feature_size=80, num_mel_bins=80, padding_value=1.0, sampling_rate=FEATURES_RATE, stride=2
        )

    @staticmethod
    def layout(config: Mapping[str, Any]) -> Layout | None:
        """The layout of the file of tensors and of that of statistics; ``config`` is the package's YAML."""
        model = config.get("model", config)
        if "semantic_codebook_size" not in model:
            return None
        if not model.get("is_causal", True):
            raise BenchError("is_causal is false: every published DualCodec has true")
        unneeded = {"_target_", "quantizer_dropout", "is_causal"}
        kept = {key: value for key, value in model.items() if key not in unneeded}
        return Layout(
            kept | {"sample_rate": config.get("SAMPLE_RATE", model["sample_rate"])},
            renames=((r"^w2vbert2_mean_var_stats\w*\.", "statistics."), (r"^dualcodec_\w+?\.", "")),
        )

    @classmethod
    def network(cls, config: dict[str, Any]) -> Network:
        return Network(**config)

    @classmethod
    def structure_in(cls, model: Network) -> Structure:
        books = (*model.semantic_vq.books, *model.dac.quantizer.books)
        return Structure(model.rate, model.hop, tuple(book.codebook.count for book in books))

    @property
    def least(self) -> int:
        """Samples of the shortest clip that has a code."""
        frames: int = max(2, 2 * self.model.joined - 1)
        return math.ceil((WINDOW + (frames - 1) * STEP) * self.structure.rate / FEATURES_RATE)

    def positions(self, samples: int) -> tuple[int, ...]:
        heard = math.ceil(max(samples, self.least) * FEATURES_RATE / self.structure.rate)
        frames = (heard - WINDOW) // STEP + 1
        return (math.ceil(frames / 2) // self.model.joined,) * len(self.codebooks)

    def to(self, device: torch.device, dtype: torch.dtype) -> PretrainedAudioTokenizer:
        torch.nn.Module.to(self.hearing, torch.device(device), dtype)
        return super().to(device, dtype)

    def codes_of(self, waves: torch.Tensor) -> Sequence[torch.Tensor]:
        padded = F.pad(waves, (0, max(0, self.least - waves.shape[2])))
        features = F.avg_pool1d(self.features_of(padded).transpose(1, 2), self.model.joined)
        semantic: torch.Tensor = self.model.semantic_vq.quantizers[0].encode(self.model.convnext_encoder(features))
        whole = F.pad(padded, (0, -padded.shape[2] % self.structure.hop))
        latents = self.model.dac.encoder(whole)[..., : semantic.shape[1]] - self.model.semantic(semantic)
        acoustic, _ = encode_residuals(latents, self._acoustic)
        return [semantic, *acoustic]

    def features_of(self, waves: torch.Tensor) -> torch.Tensor:
        """Normalized features ``[batch, frames, width]`` of waves ``[batch, 1, time]``, 50 a second."""
        resample = require("torchaudio.functional").resample
        heard = resample(waves.float().cpu(), self.structure.rate, FEATURES_RATE)
        seen = self.extractor([wave[0].numpy() for wave in heard], sampling_rate=FEATURES_RATE, return_tensors="pt")
        hidden = self.hearing(
            input_features=seen["input_features"].to(self.device, self.dtype),
            attention_mask=seen["attention_mask"].to(self.device),
        ).last_hidden_state
        statistics = self.model.statistics
        normalized: torch.Tensor = (hidden - statistics.mean) / statistics.var.sqrt()
        return normalized

    def waves_of(self, codes: list[torch.Tensor]) -> torch.Tensor:
        latents = self.model.semantic(codes[0])
        if len(codes) > 1:
            latents = latents + decode_residuals(codes[1:], self._acoustic)
        waves: torch.Tensor = self.model.dac.decoder.model(latents)
        return waves

    @property
    def _acoustic(self) -> list[Factorized]:
        """The acoustic codebooks in use."""
        books: list[Factorized] = self.model.dac.quantizer.books
        return books[: len(self.codebooks) - 1]
