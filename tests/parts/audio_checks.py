"""Checks that every audio tokenizer has to pass, whatever its family."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np
import scipy.fft
import soxr
import torch

from bench.contracts.tokens import Tokens
from bench.modalities.audio.batch import Audio
from bench.modalities.audio.datasets.asterisk_prompts import AsteriskPrompts
from bench.modalities.audio.tokenizers.base import AudioTokenizer
from bench.registry import Entry

Check = Callable[[AudioTokenizer, Entry], None]

RATE = 16000
SHORTEST = RATE // 10


@cache
def speech() -> tuple[torch.Tensor, ...]:
    """Return eight spoken clips ``[1, samples]`` at 16 kHz, of lengths that no frame divides; the last lasts 0.1 s."""
    prompts = AsteriskPrompts()
    lengths = [9001, 12347, 16000, 7919, 20011, 14001, 11113, SHORTEST]
    return tuple(prompts.load(i).signal[:, 4000 : 4000 + length] for i, length in enumerate(lengths))


def batches(tokenizer: AudioTokenizer, clips: Sequence[torch.Tensor]) -> list[Audio]:
    """Return the clips in one batch, or one batch per clip where the tokenizer takes only equal lengths."""
    if tokenizer.equal_lengths:
        return [Audio.of([clip], RATE) for clip in clips]
    return [Audio.of(clips, RATE)]


def kind(tokenizer: AudioTokenizer, entry: Entry) -> None:
    """The tokens are of the kind that the registry line says, and fit the declared codebooks."""
    for batch in batches(tokenizer, speech()[:3]):
        tokens = tokenizer.encode(batch)
        assert tokens.kind == entry.tokens
        assert tokens.batch_size == len(batch.samples)
        tokens.check(tokenizer.codebooks)
        assert tokens.latents is None or tokens.latents.isfinite().all()
        assert (getattr(tokenizer, "bitrate", None) is not None) == (tokens.kind == "bytes")


def lengths(tokenizer: AudioTokenizer, entry: Entry) -> None:
    """Every clip comes back at its rate and length, finite, and zero where it has ended."""
    for batch in batches(tokenizer, speech()):
        output = tokenizer.decode(tokenizer.encode(batch))
        assert output.rate == batch.rate
        assert output.lengths.tolist() == batch.lengths.tolist()
        assert output.samples.shape == batch.samples.shape
        assert output.samples.dtype == torch.float32
        assert output.samples.isfinite().all()
        for row, length in zip(output.samples, batch.lengths.tolist(), strict=True):
            assert not row[:, length:].any()


def batch_invariance(tokenizer: AudioTokenizer, entry: Entry) -> None:
    """A clip becomes the same tokens and the same audio alone and among longer ones."""
    clips = speech()
    if tokenizer.equal_lengths:
        clips = tuple(clip[:, : clips[3].shape[1]] for clip in clips[:-1])
    together = Audio.of(clips, RATE)
    tokens = tokenizer.encode(together)
    decoded = tokenizer.decode(tokens).clips()
    for index, clip in enumerate(clips):
        alone = tokenizer.encode(Audio.of([clip], RATE))
        for level in range(len(alone.codes)):
            assert torch.equal(alone.rows(level)[0], tokens.rows(level)[index]), f"clip {index}, level {level}"
        assert alone.payload == tokens.payload[index : index + 1]
        if alone.latents is not None and tokens.latents is not None:
            count = int(alone.positions(0)[0])
            assert int(tokens.positions(0)[index]) == count
            torch.testing.assert_close(tokens.latents[index, :count], alone.latents[0, :count], atol=1e-4, rtol=1e-4)
        torch.testing.assert_close(tokenizer.decode(alone).clips()[0], decoded[index], atol=1e-4, rtol=0)


def determinism(tokenizer: AudioTokenizer, entry: Entry) -> None:
    """The same input gives the same tokens and the same audio, bit by bit, and is left unchanged."""
    for batch in batches(tokenizer, speech()[:2]):
        before = batch.samples.clone()
        one, other = tokenizer.encode(batch), tokenizer.encode(batch)
        assert torch.equal(batch.samples, before)
        assert _contents(one) == _contents(other)
        assert torch.equal(tokenizer.decode(one).samples, tokenizer.decode(other).samples)


def rates(tokenizer: AudioTokenizer, entry: Entry) -> None:
    """Codes and nominal bits are those of the declared rates; a codec's are its bytes."""
    for batch in batches(tokenizer, speech()):
        tokens = tokenizer.encode(batch)
        tokens.check_rates(tokenizer.codebooks)
        bits = tokens.nominal_bits(tokenizer.codebooks)
        if tokens.kind == "continuous":
            assert bits is None
            continue
        assert bits is not None
        if tokens.kind == "bytes":
            assert tokens.counts is None
            assert bits.tolist() == [8.0 * len(data) for data in tokens.payload]
            continue
        counted = sum(len(row) * book.bits for level, book in enumerate(tokenizer.codebooks)
                      for row in tokens.rows(level))  # fmt: skip
        assert float(bits.sum()) == counted


def other_signals(tokenizer: AudioTokenizer, entry: Entry) -> None:
    """Silence, full scale and other sample rates are coded as well."""
    noise = torch.rand(1, 4000, generator=torch.Generator().manual_seed(0)) * 2 - 1
    for signal, rate in ((torch.zeros(1, 4000), RATE), (noise.sign(), RATE), (noise, 8000), (noise, 48000)):
        output = tokenizer.decode(tokenizer.encode(Audio.of([signal], rate)))
        assert (output.rate, output.samples.shape) == (rate, (1, 1, 4000))
        assert output.samples.isfinite().all()


CHECKS: tuple[Check, ...] = (kind, lengths, batch_invariance, determinism, rates, other_signals)


def delay(original: np.ndarray, output: np.ndarray) -> float:
    """Return the samples by which an output is late, to a sixth of one: where the correlation is highest."""
    one, other = (soxr.resample(signal, 1, 6) for signal in (original, output))
    size = scipy.fft.next_fast_len(2 * len(one), real=True)
    product = np.fft.rfft(other, size) * np.conj(np.fft.rfft(one, size))
    peak = int(np.argmax(np.fft.irfft(product, size)))
    return (peak if peak < len(one) else peak - size) / 6


def _contents(tokens: Tokens) -> list[Any]:
    latents = [] if tokens.latents is None else [tokens.latents.cpu().numpy().tobytes()]
    return [code.tolist() for code in tokens.codes] + latents + list(tokens.payload)
