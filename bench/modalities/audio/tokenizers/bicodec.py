"""BiCodec of Spark-TTS (Wang et al. 2025, arXiv 2503.01710; github.com/SparkAudio/Spark-TTS)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from bench.errors import BenchError
from bench.modalities.audio.networks.codebooks import Factorized
from bench.modalities.audio.networks.dac import DILATIONS, Residual, Stage, snake
from bench.modalities.audio.networks.speaker_tokens import SpeakerTokens
from bench.modalities.audio.networks.vocos import ConvNeXt
from bench.modalities.audio.tokenizers.pretrained import PretrainedAudioTokenizer, Structure
from bench.modalities.audio.tokenizers.published import PublishedCodec
from bench.tokenizers.checkpoint import locate
from bench.tokenizers.checkpoint_files import require
from bench.tokenizers.layouts import Layout
from bench.tokenizers.pretrained import model_class
from bench.tokenizers.readers import network_of
from bench.tokenizers.transformers_models import load_transformers

FOLDER, FILE, FEATURES = "BiCodec", "model.safetensors", "wav2vec2-large-xlsr-53"
"""Where the publisher's repository has the codec, and the network of speech that it listens through."""
LAYERS = (11, 14, 16)
"""Hidden layers of wav2vec 2.0 whose mean is encoded."""
RATE, HOP, RECEPTIVE = 16000, 320, 400
"""Sample rate, and samples between and within the frames of wav2vec 2.0."""
HEARD = 6 * RATE
"""Samples from the start of a clip that the tokens of the speaker are of; a shorter one is repeated."""
LOUDNESS, QUIETEST, AUDIBLE, FEWEST = 0.2, 0.1, 0.01, 10
"""Mean of a clip's loud samples, the least of the loudest one, what counts as silence, and how few samples tell it."""


def upsampling(inputs: int, outputs: int, size: int, stride: int) -> Stage:
    """Frames to more and narrower ones."""
    up = nn.ConvTranspose1d(inputs, outputs, size, stride, (size - stride) // 2)
    return Stage([snake(inputs), up, *(Residual(outputs, dilation) for dilation in DILATIONS)])


class Generator(nn.Module):
    """Frames ``[batch, channels, frames]`` to waves ``[batch, 1, time]``; arguments as the publisher's."""

    def __init__(self, input_channel: int, channels: int, rates: Sequence[int], kernel_sizes: Sequence[int]) -> None:
        super().__init__()
        modules: list[nn.Module] = [nn.Conv1d(input_channel, channels, 7, padding=3)]
        width = channels
        for size, stride in zip(kernel_sizes, rates, strict=True):
            modules.append(upsampling(width, width // 2, size, stride))
            width //= 2
        self.model = nn.Sequential(*modules, snake(width), nn.Conv1d(width, 1, 7, padding=3), nn.Tanh())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        waves: torch.Tensor = self.model(x)
        return waves


class Conditioned(nn.Module):
    """Normalization of channels, with factors and offsets that follow from a vector."""

    def __init__(self, condition: int, channels: int) -> None:
        super().__init__()
        self.scale, self.shift = nn.Linear(condition, channels), nn.Linear(condition, channels)

    def forward(self, x: torch.Tensor, vector: torch.Tensor) -> torch.Tensor:
        factors, offsets = self.scale(vector)[:, None], self.shift(vector)[:, None]
        out: torch.Tensor = F.layer_norm(x, x.shape[2:], eps=1e-6) * factors + offsets
        return out


class Backbone(nn.Module):
    """ConvNeXt blocks: ``[batch, inputs, frames]`` to ``[batch, frames, width]``, with a vector where they have one."""

    def __init__(self, inputs: int, width: int, inner: int, layers: int, condition: int | None = None) -> None:
        super().__init__()

        def norm() -> nn.Module:
            return Conditioned(condition, width) if condition else nn.LayerNorm(width, eps=1e-6)

        self.embed, self.norm = nn.Conv1d(inputs, width, 7, padding=3), norm()
        self.convnext = nn.ModuleList(ConvNeXt(width, inner, norm()) for _ in range(layers))
        self.final_layer_norm = nn.LayerNorm(width, eps=1e-6)

    def forward(self, x: torch.Tensor, *vector: torch.Tensor) -> torch.Tensor:
        x = self.norm(self.embed(x).transpose(1, 2), *vector).transpose(1, 2)
        for block in self.convnext:
            x = block(x, *vector)
        out: torch.Tensor = self.final_layer_norm(x.transpose(1, 2))
        return out


class Thrice(nn.Module):
    """Three times the input, its channels before its frames: the publisher's change of rate by a ratio of 1."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """``[batch, frames, width]`` to ``[batch, width, frames]``."""
        return 3 * x.transpose(1, 2)


def resampling(width: int, inner: int, ratios: Sequence[int]) -> nn.Sequential:
    """Two ConvNeXt blocks for each ratio, all of which are 1, of ``[batch, frames, width]``."""
    return nn.Sequential(*(nn.Sequential(Thrice(), Backbone(width, width, inner, 2)) for _ in ratios))


class Encoder(nn.Module):
    """Features of speech to latents, both ``[batch, channels, frames]``; arguments as the publisher's."""

    def __init__(
        self,
        input_channels: int,
        vocos_dim: int,
        vocos_intermediate_dim: int,
        vocos_num_layers: int,
        out_channels: int,
        sample_ratios: Sequence[int] = (1, 1),
    ) -> None:
        super().__init__()
        self.encoder = Backbone(input_channels, vocos_dim, vocos_intermediate_dim, vocos_num_layers)
        self.downsample = resampling(vocos_dim, vocos_intermediate_dim, sample_ratios)
        self.project = nn.Linear(vocos_dim, out_channels)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        latents: torch.Tensor = self.project(self.downsample(self.encoder(features)))
        return latents.transpose(1, 2)


class Prenet(nn.Module):
    """Latents and the vector of a speaker to latents for the generator; arguments as the publisher's."""

    def __init__(
        self,
        input_channels: int,
        vocos_dim: int,
        vocos_intermediate_dim: int,
        vocos_num_layers: int,
        out_channels: int,
        condition_dim: int,
        sample_ratios: Sequence[int] = (1, 1),
        use_tanh_at_final: bool = False,
    ) -> None:
        super().__init__()
        self.linear_pre = nn.Linear(input_channels, vocos_dim)
        self.downsample = resampling(vocos_dim, vocos_intermediate_dim, sample_ratios)
        self.vocos_backbone = Backbone(vocos_dim, vocos_dim, vocos_intermediate_dim, vocos_num_layers, condition_dim)
        self.linear, self.bounded = nn.Linear(vocos_dim, out_channels), use_tanh_at_final

    def forward(self, latents: torch.Tensor, speaker: torch.Tensor) -> torch.Tensor:
        frames = self.downsample(self.linear_pre(latents.transpose(1, 2)))
        out: torch.Tensor = self.linear(self.vocos_backbone(frames.transpose(1, 2), speaker)).transpose(1, 2)
        return out.tanh() if self.bounded else out


class Network(nn.Module):
    """All of the codec but the network of speech that it listens through."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__()
        self.encoder, self.prenet = Encoder(**config["encoder"]), Prenet(**config["prenet"])
        book = config["quantizer"]
        self.quantizer = Factorized(book["input_dim"], book["codebook_size"], book["codebook_dim"])
        self.decoder = Generator(**config["decoder"])
        self.speaker_encoder = SpeakerTokens(**config["speaker_encoder"])

    def decode(self, speaker: torch.Tensor, codes: torch.Tensor) -> torch.Tensor:
        """Waves ``[batch, 1, time]`` of the speaker's codes and of the codes of the frames."""
        vector = self.speaker_encoder.decode(speaker)
        waves: torch.Tensor = self.decoder(self.prenet(self.quantizer.decode(codes), vector) + vector[..., None])
        return waves


class BiCodec(PublishedCodec):
    """BiCodec: 32 tokens of the speaker per clip, of 4096 entries, and 50 tokens per second, of 8192.

    The tokens of the speaker are of the first six seconds of a clip, repeated if it is shorter. The other ones are of
    layers 11, 14 and 16 of wav2vec 2.0 XLSR-53, which never pads: a clip of n samples has ⌊(n - 400) / 320⌋ + 1 of
    them, and its last 80 to 399 samples come back as silence. A clip shorter than a frame gets zeros at its end.

    As by the publisher, loudness is evened out before the clip is encoded and stays so: its level is not coded.

    Args:
        path: a folder as the publisher's repository, with ``BiCodec`` and ``wav2vec2-large-xlsr-53`` in it.
        repo, revision, offline, config, weights: see ``bench.tokenizers.checkpoint.locate``.
        subfolder, file: where the codec is in it.
        beside: where wav2vec 2.0 is, as ``({"subfolder": NAME},)``.
    """

    called = "BiCodec"
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
        beside: Sequence[Mapping[str, str]] = (),
    ) -> None:
        folder, name = subfolder or FOLDER, file or FILE
        speech = beside[0]["subfolder"] if beside else FEATURES
        if path is not None and not (Path(path) / folder / name).is_file():
            raise BenchError(
                f"{path}: no {folder}/{name} in it; give a folder as the repository SparkAudio/Spark-TTS-0.5B"
            )
        own, other = (None, None) if path is None else (f"{path}/{folder}/{name}", f"{path}/{speech}")
        located = locate(own, repo, folder, revision, offline, file=name, config=config, weights=weights)
        model, _ = network_of(self, located)
        unneeded = ("masked_spec_embed",)
        heard, features = load_transformers("Wav2Vec2Model", other, repo, speech, revision, offline, unneeded=unneeded)
        if features.config.num_hidden_layers <= LAYERS[-1]:
            raise BenchError(f"{heard.place}: {features.config.num_hidden_layers} layers, not more than {LAYERS[-1]}")
        features.encoder.layers = features.encoder.layers[: LAYERS[-1] + 1]  # nothing sees what comes after them
        PretrainedAudioTokenizer.__init__(self, located, model, self.structure_in(model))
        self.features = features.eval().requires_grad_(False)
        self.extractor = model_class("transformers", "Wav2Vec2FeatureExtractor")()
        mel = self.layout(located.config)
        assert mel is not None
        self.spectra = _spectra(mel.config["mel_params"])
        files = ((folder, located.hashes(located.files)), (speech, heard.hashes(heard.files)))
        self.weights = {f"{place}/{Path(name).name}": sha for place, held in files for name, sha in held.items()}

    @staticmethod
    def layout(config: Mapping[str, Any]) -> Layout | None:
        """The layout of the codec's file; ``config`` is the publisher's ``BiCodec/config.yaml``."""
        if "audio_tokenizer" not in config:
            return None
        stated = {name: dict(part) for name, part in config["audio_tokenizer"].items()}
        for part in (stated["encoder"], stated["prenet"]):
            if any(ratio != 1 for ratio in part.get("sample_ratios", ())):
                raise BenchError(
                    f"sample_ratios {part['sample_ratios']}: only 1 is supported, as of the published model"
                )
        if stated["speaker_encoder"].pop("fsq_num_quantizers") != 1:
            raise BenchError("fsq_num_quantizers: only 1 is supported, as of the published model")
        pooling = r"speaker_encoder\.speaker_encoder\.(pool|bn|linear)\..*"
        unused = rf"{pooling}|quantizer\.cluster_size|.*\.num_batches_tracked"
        return Layout(stated, renames=((r"\.(in|out)_project\.", r".\1_proj."),), unused=unused)

    @classmethod
    def network(cls, config: dict[str, Any]) -> Network:
        return Network(config)

    @classmethod
    def structure_in(cls, model: Network) -> Structure:
        speaker = model.speaker_encoder
        once = (math.prod(speaker.quantizer.levels), len(speaker.perceiver_sampler.latents))
        return Structure(RATE, HOP, (model.quantizer.codebook.count,), once=(once,))

    def positions(self, samples: int) -> tuple[int, ...]:
        return (*(count for _, count in self.structure.once), (max(samples, RECEPTIVE) - RECEPTIVE) // HOP + 1)

    def to(self, device: torch.device, dtype: torch.dtype) -> PretrainedAudioTokenizer:
        torch.nn.Module.to(self.features, device, dtype)
        self.spectra.to(device)
        return super().to(device, dtype)

    def codes_of(self, waves: torch.Tensor) -> Sequence[torch.Tensor]:
        padded = F.pad(waves, (0, max(0, RECEPTIVE - waves.shape[2])))
        clips = [even(wave[0].double().cpu().numpy()) for wave in padded]
        starts = [np.tile(clip, HEARD // len(clip) + 1 if len(clip) < HEARD else 1)[:HEARD] for clip in clips]
        mel = self.spectra(torch.from_numpy(np.stack(starts)).float().to(self.device))
        heard = self.extractor(clips, sampling_rate=RATE, return_tensors="pt").input_values
        layers = self.features(heard.to(self.device, self.dtype), output_hidden_states=True).hidden_states
        features = sum(layers[layer] for layer in LAYERS) / len(LAYERS)
        latents = self.model.encoder(features.transpose(1, 2))
        return self.model.speaker_encoder.encode(mel.to(self.dtype)), self.model.quantizer.encode(latents)

    def waves_of(self, codes: list[torch.Tensor]) -> torch.Tensor:
        waves: torch.Tensor = self.model.decode(*codes)
        return waves


def even(clip: np.ndarray) -> np.ndarray:
    """A clip ``[samples]`` at the loudness that the publisher gives every clip, in float64."""
    sizes = np.sort(np.abs(clip))
    if sizes[-1] < QUIETEST:
        clip = clip / max(sizes[-1], 1e-3) * QUIETEST
    audible = sizes[sizes > AUDIBLE]  # of the clip as it came
    count = len(audible)
    if count <= FEWEST:
        return clip
    loudness = audible[int(0.9 * count) : int(0.99 * count)].mean()
    clip = clip * np.clip(LOUDNESS / loudness, 0.1, 10)
    evened: np.ndarray = clip / max(1.0, np.abs(clip).max())
    return evened


def _spectra(stated: Mapping[str, Any]) -> Any:
    """The transform of samples to mel spectra of magnitudes."""
    return require("torchaudio.transforms").MelSpectrogram(
        stated["sample_rate"],
        stated["n_fft"],
        stated["win_length"],
        stated["hop_length"],
        stated["mel_fmin"],
        stated["mel_fmax"],
        n_mels=stated["num_mels"],
        power=1,
        norm="slaney",
        mel_scale="slaney",
    )
