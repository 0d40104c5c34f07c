"""Audio tokenizers: one that is correct, and others that fail, each in its own way."""

import time

import torch

from bench.contracts.tokens import Codebook, Tokens
from bench.modalities.audio.batch import Audio
from bench.modalities.audio.tokenizers.base import AudioTokenizer


class Levels(AudioTokenizer):
    """Correct: every sample in 256 equal steps."""

    codebooks = (Codebook(256, "1/16000 s", rate=16000),)
    rate = 16000

    def encode_waves(self, waves: Audio) -> Tokens:
        codes = torch.round((waves.samples[:, 0] + 1) * 127.5).long().clamp(0, 255)
        return Tokens(codes=(codes,), lengths=(waves.lengths,))

    def decode_waves(self, tokens: Tokens) -> torch.Tensor:
        return (tokens.codes[0] / 127.5 - 1)[:, None]


class EqualLengths(Levels):
    """Correct, but padding changes the output: it divides by the loudest sample of the padded batch."""

    equal_lengths = True

    def encode_waves(self, waves: Audio) -> Tokens:
        if not waves.equal_lengths:
            raise AssertionError("the loop gave it padding")
        return super().encode_waves(waves)


class Wrong(Levels):
    """Declares twice the codes that it emits, as a model that ignores its bandwidth does."""

    codebooks = (Codebook(256, "1/32000 s", rate=32000),)


class FailsOnShort(Levels):
    """Needs a second, as a convolution with much context does."""

    def encode_waves(self, waves: Audio) -> Tokens:
        if int(waves.lengths.min()) < waves.rate:
            raise RuntimeError("Padding size should be less than the corresponding input dimension")
        return super().encode_waves(waves)


class Remembers(Levels):
    """Returns what was encoded last, whatever the tokens say."""

    def encode_waves(self, waves: Audio) -> Tokens:
        self.last = waves.samples
        return super().encode_waves(waves)

    def decode_waves(self, tokens: Tokens) -> torch.Tensor:
        return self.last


class Tensors(Levels):
    """Returns samples without their rate."""

    def decode(self, tokens: Tokens) -> torch.Tensor:  # type: ignore[override]
        return super().decode(tokens).samples


class Slow(Levels):
    """Waits in ``fit``, so that a test can kill the run meanwhile."""

    def __init__(self, seconds: float = 60) -> None:
        self.seconds = seconds

    def fit(self, dataset: object, seed: int) -> None:
        time.sleep(self.seconds)


class Flat(Levels):
    """Forgets the channels, so that clips would be broadcast against one another."""

    def decode_waves(self, tokens: Tokens) -> torch.Tensor:
        return super().decode_waves(tokens)[:, 0]


class Integers(Levels):
    """Returns 16-bit samples."""

    def decode_waves(self, tokens: Tokens) -> torch.Tensor:
        return (super().decode_waves(tokens) * 32767).to(torch.int16)


class OtherRate(Levels):
    """Returns audio at 24 kHz without saying so."""

    def decode_waves(self, tokens: Tokens) -> torch.Tensor:
        return super().decode_waves(tokens).repeat_interleave(3, -1)[..., ::2]


class Arrays(Levels):
    """Returns numpy arrays."""

    def decode_waves(self, tokens: Tokens) -> torch.Tensor:
        return super().decode_waves(tokens).numpy()  # type: ignore[return-value]


class Clock(AudioTokenizer):
    """Encodes the time and nothing of the audio: frame i of a clip has code i mod 8, each a different tone."""

    codebooks = (Codebook(8, "1/50 s", rate=50),)
    rate = 16000
    hop = 320

    def encode_waves(self, waves: Audio) -> Tokens:
        frames = -(-waves.lengths // self.hop)
        codes = (torch.arange(int(frames.max())) % 8).repeat(len(frames), 1)
        return Tokens(codes=(codes,), lengths=(frames,))

    def decode_waves(self, tokens: Tokens) -> torch.Tensor:
        tones = 0.1 * torch.sin(torch.arange(1, 9)[:, None] * torch.arange(self.hop) * 0.05)
        return tones[tokens.codes[0].cpu()].flatten(1)[:, None]


class Loudness(Clock):
    """Encodes the loudness of each frame, in eight steps of 6 dB."""

    def encode_waves(self, waves: Audio) -> Tokens:
        frames = -(-waves.lengths // self.hop)
        padded = torch.nn.functional.pad(waves.samples[:, 0], (0, -waves.samples.shape[2] % self.hop))
        power = padded.unflatten(1, (-1, self.hop)).square().mean(2)
        codes = (8 + torch.log2(power + 1e-9) / 2).floor().long().clamp(0, 7)
        return Tokens(codes=(codes,), lengths=(frames,))

    def decode_waves(self, tokens: Tokens) -> torch.Tensor:
        loud = 2.0 ** (tokens.codes[0].cpu() - 8)
        tone = torch.sin(torch.arange(self.hop) * 0.1)
        return (loud[..., None] * tone).flatten(1)[:, None]


class Shuffled(Loudness):
    """Broken: shuffles the frames differently for each clip."""

    def encode_waves(self, waves: Audio) -> Tokens:
        tokens = super().encode_waves(waves)
        for codes, count in zip(tokens.codes[0], tokens.lengths[0].tolist(), strict=True):
            generator = torch.Generator().manual_seed(int(codes[:count].sum()))
            codes[:count] = codes[torch.randperm(count, generator=generator)]
        return tokens
