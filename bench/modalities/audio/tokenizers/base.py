"""What all audio tokenizers share: sample rates, channels, true lengths."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import replace
from typing import ClassVar

import torch
from torch.nn import functional as F

from bench.contracts.tokens import Tokens
from bench.errors import BenchError
from bench.modalities.audio.batch import Audio
from bench.modalities.audio.resample import resample as resample
from bench.modalities.signal import SystemFailure
from bench.tokenizers.base import Encoder, Tokenizer

LENGTH_SLACK, EDGE_SECONDS = 0.1, 0.5
"""How much longer or shorter than the input the output may be: a share of it, and seconds."""


class AudioTokenizer(Tokenizer):
    """An audio tokenizer at one sample rate.

    ``encode`` brings every clip by itself to the model's rate (soxr, VHQ), and ``decode`` brings it back to the
    rate and to exactly the length that was encoded, cut or padded with zeros; subclasses define
    ``encode_waves`` and ``decode_waves`` at their own rate. Nothing is shifted in time: a model that answers
    early or late is measured so.

    A clip of a padded batch must become what it becomes alone: the tokens state how many positions are a clip's
    own (``Tokens.lengths``). A model that cannot do that sets ``equal_lengths``.

    Attributes:
        rate: the model's sample rate; None takes any.
        channels: the model's channels. A clip of one is doubled for a model of two, and their mean comes back;
            other numbers are rejected.
        bitrate: nominal bits per second that a codec is set to, where it emits bytes; None for tokens, whose
            codebooks state it, and for codecs without such a setting.
        latent_rate: latent vectors per second of a continuous tokenizer, exact; None where it is not stated.
    """

    METHODS: ClassVar[tuple[str, str]] = ("encode_waves", "decode_waves")
    modality: ClassVar[str] = "audio"
    rate: int | None = None
    channels: int = 1
    bitrate: float | None = None
    latent_rate: float | None = None

    @abstractmethod
    def encode_waves(self, waves: Audio) -> Tokens:
        """Clips at the model's rate to tokens; ``lengths`` filled in where clips differ in length."""

    @abstractmethod
    def decode_waves(self, tokens: Tokens) -> torch.Tensor:
        """Tokens to samples ``[batch, channels, time]`` at the model's rate, of about the length encoded.

        Floating-point numbers in [-1, 1]. What is more than a tenth and half a second off the length is rejected.
        ``tokens.signal_lengths``, ``tokens.signal_rate`` and ``tokens.signal_shape`` are of the clips at the
        model's rate here.
        """

    def encode(self, batch: Audio) -> Tokens:
        waves = resampled(self._channels(batch), self.rate or batch.rate)
        tokens = self.encode_waves(waves)
        return replace(
            tokens, signal_shape=tuple(batch.samples.shape[1:]), signal_rate=batch.rate, signal_lengths=batch.lengths
        )

    def decode(self, tokens: Tokens) -> Audio:
        assert tokens.signal_lengths is not None
        channels, time = tokens.signal_shape
        own_rate = self.rate or tokens.signal_rate
        lengths = resampled_lengths(tokens.signal_lengths, tokens.signal_rate, own_rate)
        here = replace(
            tokens, signal_shape=(self.channels, int(lengths.max())), signal_rate=own_rate, signal_lengths=lengths
        )
        decoded = self.decode_waves(here)
        check_waves(decoded, here)
        waves = Audio(fitted(decoded.float(), lengths), own_rate, lengths)
        back = resampled(waves, tokens.signal_rate).samples
        back = fitted(back[..., :time], tokens.signal_lengths, time)
        return Audio(back.mean(1, keepdim=True) if channels == 1 else back, tokens.signal_rate, tokens.signal_lengths)

    def _channels(self, batch: Audio) -> Audio:
        channels = batch.samples.shape[1]
        if channels == self.channels:
            return batch
        if channels == 1:
            return batch.like(batch.samples.expand(-1, self.channels, -1))
        raise BenchError(
            f"{type(self).__name__} takes {self.channels} channel{'s' * (self.channels > 1)}, not {channels}; "
            "measure it under a protocol with channels: mono"
        )


class AudioEncoder(Encoder, AudioTokenizer):
    """An audio tokenizer that only encodes, such as one of semantic units; subclasses define ``encode_waves``."""

    def decode_waves(self, tokens: Tokens) -> torch.Tensor:
        """Never called, since ``decodes`` is false."""
        raise BenchError(f"{type(self).__name__} encodes only")


def check_waves(decoded: object, tokens: Tokens) -> None:
    """Raise SystemFailure for waves that would be cut, padded or broadcast to other audio than the model's.

    Args:
        decoded: what ``decode_waves`` made of the tokens.
    """
    channels, time = tokens.signal_shape
    wanted = f"floating-point samples [{tokens.batch_size}, {channels}, time]"
    if not isinstance(decoded, torch.Tensor):
        raise SystemFailure(f"decode_waves gave {type(decoded).__name__}, not a tensor of {wanted}")
    shape = tuple(decoded.shape)
    if not decoded.is_floating_point() or len(shape) != 3 or shape[:2] != (tokens.batch_size, channels):
        raise SystemFailure(f"decode_waves gave {decoded.dtype} {shape}, not {wanted}")
    if too_far(shape[2], time, tokens.signal_rate):
        raise SystemFailure(
            f"decode_waves gave {shape[2]} samples for {time} at {tokens.signal_rate} Hz; is that the model's rate?"
        )


def too_far(length: int, wanted: int, rate: int) -> bool:
    """Whether a clip of ``length`` samples is so much longer or shorter than ``wanted`` that it must be another."""
    return abs(length - wanted) > LENGTH_SLACK * wanted + EDGE_SECONDS * rate


def resampled(audio: Audio, rate: int) -> Audio:
    """Every clip by itself at another rate, by soxr's very high quality; padding stays zero and out of it."""
    if rate == audio.rate:
        return audio
    lengths = resampled_lengths(audio.lengths, audio.rate, rate)
    clips = [
        torch.from_numpy(resample(clip.detach().cpu().float().numpy(), audio.rate, rate)) for clip in audio.clips()
    ]
    samples = audio.samples.new_zeros(len(clips), audio.samples.shape[1], int(lengths.max()), dtype=torch.float32)
    for row, clip, length in zip(samples, clips, lengths.tolist(), strict=True):
        count = min(length, clip.shape[1])
        row[:, :count] = clip[:, :count].to(row.device)
    return Audio(samples, rate, lengths)


def resampled_lengths(lengths: torch.Tensor, old: int, new: int) -> torch.Tensor:
    """Length of each clip at another rate, rounded to the nearest sample, at least 1."""
    return ((lengths * new + old // 2) // old).clamp(min=1)


def fitted(samples: torch.Tensor, lengths: torch.Tensor, time: int | None = None) -> torch.Tensor:
    """``[batch, channels, time]`` cut or padded with zeros to the longest clip (or ``time``), zero past each end."""
    time = int(lengths.max()) if time is None else time
    out = F.pad(samples[..., :time], (0, max(0, time - samples.shape[-1])))
    inside = torch.arange(time, device=out.device) < lengths.to(out.device)[:, None]
    return out * inside[:, None]
