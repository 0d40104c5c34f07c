"""Audio tokenizers of transformers: EncodecModel, DacModel, MimiModel, XcodecModel, HiggsAudioV2TokenizerModel."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar, Self

import torch

from bench.errors import BenchError
from bench.modalities.audio.tokenizers.pretrained import PretrainedAudioTokenizer, Structure, check_books
from bench.tokenizers.checkpoint_files import Checkpoint
from bench.tokenizers.transformers_models import load_transformers


class BandwidthCodec(PretrainedAudioTokenizer):
    """A transformers codec whose number of codebooks is set by a bandwidth.

    Args:
        path, repo, subfolder, revision, offline, weights: see ``bench.tokenizers.checkpoint.locate``.
        bandwidth: kilobits per second, one of the checkpoint's ``target_bandwidths``; the highest if None.
    """

    library_class: ClassVar[str]
    whole_hops: ClassVar[bool] = False

    def __init__(
        self,
        path: str | None = None,
        repo: str | None = None,
        subfolder: str | None = None,
        revision: str | None = None,
        bandwidth: float | None = None,
        offline: bool = False,
        weights: str | None = None,
    ) -> None:
        checkpoint, model = load_transformers(
            self.library_class, path, repo, subfolder, revision, offline, weights=weights
        )
        self._adopt(checkpoint, model, bandwidth)

    @classmethod
    def of(cls, checkpoint: Checkpoint, model: Any, bandwidth: float | None = None) -> Self:
        """The tokenizer around a loaded model that is part of a larger one, whose weights files it reports."""
        made = cls.__new__(cls)
        made._adopt(checkpoint, model, bandwidth)
        return made

    def _adopt(self, checkpoint: Checkpoint, model: Any, bandwidth: float | None) -> None:
        self.bandwidth = _bandwidth(bandwidth, model.config.target_bandwidths, checkpoint.folder)
        structure = self.structure_of(model, self.bandwidth)
        super().__init__(checkpoint, model, structure, structure.hop if self.whole_hops else 1)

    @staticmethod
    def structure_of(model: Any, bandwidth: float) -> Structure:
        """Rates and codebooks of a model at a bandwidth; from its configuration alone, not its weights."""
        config = model.config
        rate = getattr(config, "sampling_rate", None) or config.sample_rate
        books = model.quantizer.get_num_quantizers_for_bandwidth(bandwidth)
        return Structure(rate, config.hop_length, (config.codebook_size,) * books)

    def codes_of(self, waves: torch.Tensor) -> Sequence[torch.Tensor]:
        codes: Sequence[torch.Tensor] = self.model.encode(waves, bandwidth=self.bandwidth).audio_codes.unbind(1)
        return codes

    def waves_of(self, codes: list[torch.Tensor]) -> torch.Tensor:
        waves: torch.Tensor = self.model.decode(torch.stack(codes, 1)).audio_values
        return waves


class Encodec(BandwidthCodec):
    """EnCodec (Défossez et al. 2022, arXiv 2210.13438) without chunks and normalization: the 24 kHz model.

    The 48 kHz model scales each chunk of a second by a float of its own, which no codebook holds and no
    bitrate counts; it is rejected.
    """

    library_class = "EncodecModel"

    @staticmethod
    def structure_of(model: Any, bandwidth: float) -> Structure:
        config = model.config
        if config.normalize or config.chunk_length is not None or config.audio_channels != 1:
            raise BenchError(
                "this EnCodec normalizes chunks, and a float scale for each goes beside its codes, which a codebook "
                "cannot hold; use the 24 kHz model (mono, normalize false, no chunk_length_s)"
            )
        return BandwidthCodec.structure_of(model, bandwidth)

    def codes_of(self, waves: torch.Tensor) -> Sequence[torch.Tensor]:
        # [chunks, batch, books, frames]: one chunk, as the length is not limited.
        (codes,) = self.model.encode(waves, bandwidth=self.bandwidth).audio_codes
        return list(codes.unbind(1))

    def waves_of(self, codes: list[torch.Tensor]) -> torch.Tensor:
        waves: torch.Tensor = self.model.decode(torch.stack(codes, 1)[None], [None]).audio_values
        return waves


class Xcodec(BandwidthCodec):
    """X-Codec (Ye et al. 2024, arXiv 2408.17175): DAC's convolutions joined with HuBERT's or WavLM's features.

    Its two encoders agree in the number of frames at whole hops only.
    """

    library_class = "XcodecModel"
    whole_hops = True


class HiggsAudioV2(BandwidthCodec):
    """The tokenizer of Higgs Audio v2 (github.com/boson-ai/higgs-audio), X-Codec's architecture at 24 kHz."""

    library_class = "HiggsAudioV2TokenizerModel"
    whole_hops = True


class BooksCodec(PretrainedAudioTokenizer):
    """A transformers codec that takes a number of codebooks.

    Args:
        path, repo, subfolder, revision, offline, weights: see ``bench.tokenizers.checkpoint.locate``.
        books: how many codebooks to use, from the first; all if None.
    """

    library_class: ClassVar[str]
    whole_hops: ClassVar[bool] = False

    def __init__(
        self,
        path: str | None = None,
        repo: str | None = None,
        subfolder: str | None = None,
        revision: str | None = None,
        books: int | None = None,
        offline: bool = False,
        weights: str | None = None,
    ) -> None:
        checkpoint, model = load_transformers(
            self.library_class, path, repo, subfolder, revision, offline, weights=weights
        )
        structure = self.structure_of(model, books, checkpoint.folder)
        super().__init__(checkpoint, model, structure, structure.hop if self.whole_hops else 1)

    @staticmethod
    def structure_of(model: Any, books: int | None, folder: object = "") -> Structure:
        """Rates and codebooks of a model; from its configuration alone, not its weights."""
        raise NotImplementedError


class Dac(BooksCodec):
    """Descript Audio Codec (Kumar et al. 2023, arXiv 2306.06546).

    Clips are padded to whole hops, as the library's feature extractor does. The decoder returns some samples
    less than a whole number of hops and answers early by half of them; neither is corrected.
    """

    library_class = "DacModel"
    whole_hops = True

    @staticmethod
    def structure_of(model: Any, books: int | None, folder: object = "") -> Structure:
        config = model.config
        used = check_books(books, config.n_codebooks, folder)
        # Not hop_length: the published configurations of 16 and 24 kHz state the 44.1 kHz model's, and it wins.
        hop = math.prod(config.downsampling_ratios)
        return Structure(config.sampling_rate, hop, (config.codebook_size,) * used)

    def codes_of(self, waves: torch.Tensor) -> Sequence[torch.Tensor]:
        codes = self.model.encode(waves, n_quantizers=len(self.codebooks)).audio_codes
        return list(codes.unbind(1))

    def waves_of(self, codes: list[torch.Tensor]) -> torch.Tensor:
        waves: torch.Tensor = self.model.decode(audio_codes=torch.stack(codes, 1)).audio_values
        return waves[:, None]


class Mimi(BooksCodec):
    """Mimi, the codec of Moshi (Défossez et al. 2024, arXiv 2410.00037): one semantic book, the others acoustic.

    Moshi uses 8 of its 32 books.
    """

    library_class = "MimiModel"

    @staticmethod
    def structure_of(model: Any, books: int | None, folder: object = "") -> Structure:
        config = model.config
        used = check_books(books, config.num_quantizers, folder, config.num_semantic_quantizers)
        # A convolution halves the rate again after the encoder's strides.
        hop = math.prod(config.upsampling_ratios) * config.latent_stride
        return Structure(config.sampling_rate, hop, (config.codebook_size,) * used)

    def to(self, device: torch.device, dtype: torch.dtype) -> PretrainedAudioTokenizer:
        for module in self.model.modules():
            if getattr(module, "_embed", None) is not None:
                module._embed = None  # a copy of the codebook that the library keeps where it was first made
        return super().to(device, dtype)

    def codes_of(self, waves: torch.Tensor) -> Sequence[torch.Tensor]:
        codes = self.model.encode(waves, num_quantizers=len(self.codebooks)).audio_codes
        return list(codes.unbind(1))

    def waves_of(self, codes: list[torch.Tensor]) -> torch.Tensor:
        waves: torch.Tensor = self.model.decode(torch.stack(codes, 1)).audio_values
        return waves


def _bandwidth(bandwidth: float | None, available: Sequence[float], folder: object) -> float:
    if bandwidth is None:
        return float(available[-1])
    if bandwidth not in available:
        raise BenchError(
            f"{folder}: bandwidth={bandwidth}: the model has {', '.join(f'{kbps:g}' for kbps in available)} kbps; "
            "give one"
        )
    return float(bandwidth)
