"""Training-free tokenizers of sound: by their definitions, by the shared contract, and at equal bits."""

from __future__ import annotations

import math
import warnings
from functools import cache
from typing import Any

import numpy as np
import pytest
import scipy.fft
import torch
from audio_checks import CHECKS, RATE, Check, speech
from pystoi import stoi

from bench.contracts.system import parse
from bench.datasets.base import Dataset, Limited
from bench.errors import BenchError
from bench.lines.tokenizers import ENTRIES as TOKENIZERS
from bench.modalities.audio.batch import Audio
from bench.modalities.audio.datasets.asterisk_prompts import AsteriskPrompts
from bench.modalities.audio.lines.tokenizers import ENTRIES as LINES
from bench.modalities.audio.tokenizers.base import AudioTokenizer
from bench.modalities.audio.tokenizers.companding import Companding, alaw_codes, alaw_table, ulaw_codes, ulaw_table
from bench.modalities.audio.tokenizers.mdct import MDCT, mdct_basis
from bench.modalities.audio.tokenizers.mel import MelGriffinLim
from bench.quantizers import qinco

FAMILIES = ("vq", "rvq", "pq", "aq", "fsq", "lfq", "bsq")
ENTRIES = {entry.name: entry for entry in LINES if entry.tokens != "bytes" and not (entry.weights or entry.local)}
LATENT = [f"{entry.name}@of=mdct-continuous,bits=8" for entry in TOKENIZERS if entry.serves("audio")]
SLOW = ("ervq", "irvq", "sq", "grvq", "trq", "qinco", "qinco2", "opq", "apq", "ockm", "cq")
QUICK = {f"mdct-{family}": f"mdct-{family}@1.2,bits=6" for family in SLOW}
"""Those that learn slowly, with two bands of few codewords."""
SAMPLES = np.arange(-(2**15), 2**15)


@cache
def fit_split() -> Dataset:
    """Part of the prompts: fitting on all of them is what the command does."""
    split = AsteriskPrompts().fit_split()
    assert split is not None
    return Limited(split, 30)


@cache
def fitted(text: str) -> Any:
    tokenizer = parse(text).build()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(qinco, "MOST_STEPS", 50)
        tokenizer.fit(fit_split(), seed=0)
    return tokenizer


def clips(count: int = 3) -> Audio:
    prompts = AsteriskPrompts()
    return Audio.of([prompts.load(index).signal for index in range(count)], RATE)


def intelligibility(tokenizer: AudioTokenizer) -> float:
    """Mean STOI of a few prompts."""
    batch = clips()
    output = tokenizer.decode(tokenizer.encode(batch))
    pairs = zip(batch.clips(), output.clips(), strict=True)
    return float(np.mean([stoi(one[0].numpy(), other[0].numpy(), RATE) for one, other in pairs]))


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", [*ENTRIES, *LATENT])
def test_contract(name: str, check: Check) -> None:
    check(fitted(QUICK.get(name, name)), parse(name).entry)


def test_mu_law_by_its_definition() -> None:
    """G.711, Table 2: eight segments of sixteen steps, twice as wide each, ±33 taken off; all bits inverted."""
    expected = []
    for character in range(256):
        inverted = 255 - character
        sign, segment, step = inverted // 128, inverted // 16 % 8, inverted % 16
        value = 2**segment * (33 + 2 * step) - 33
        expected.append((-1) ** sign * 4 * value)
    assert ulaw_table().tolist() == expected
    codes = torch.tensor([[0x00, 0x80, 0xFF, 0x7F, 0x2A]])
    tokens = Companding().encode(Audio(torch.zeros(1, 1, 5), RATE, torch.tensor([5])))
    tokens = type(tokens)((codes,), signal_shape=(1, 5), signal_rate=RATE, signal_lengths=torch.tensor([5]))
    decoded = Companding().decode(tokens).samples[0, 0] * 2**15
    assert decoded.tolist() == [-32124, 32124, 0, 0, -5372]


@pytest.mark.parametrize("law", ["ulaw", "alaw"])
def test_g711_equals_audioop_for_every_sample(law: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        audioop: Any = pytest.importorskip("audioop")
    encode, table = {"ulaw": (ulaw_codes, ulaw_table), "alaw": (alaw_codes, alaw_table)}[law]
    characters = getattr(audioop, f"lin2{law}")(SAMPLES.astype("<i2").tobytes(), 2)
    assert bytes(encode(torch.from_numpy(SAMPLES)).tolist()) == characters
    samples = getattr(audioop, f"{law}2lin")(bytes(range(256)), 2)
    assert table().astype("<i2").tobytes() == samples


@pytest.mark.parametrize("law", ["mu", "a"])
def test_continuous_companding_by_its_definition(law: str) -> None:
    values = [-1.0, -0.3, -0.01, -0.001, 0.0, 0.001, 0.01, 0.3, 1.0]
    tokenizer = Companding(law, definition="continuous")
    tokens = tokenizer.encode(Audio(torch.tensor([[values]]), RATE, torch.tensor([len(values)])))

    def companded(x: float) -> float:
        if law == "mu":
            return math.copysign(math.log(1 + 255 * abs(x)) / math.log(256), x)
        scaled = 87.6 * abs(x)
        return math.copysign((scaled if scaled < 1 else 1 + math.log(scaled)) / (1 + math.log(87.6)), x)

    assert tokens.codes[0][0].tolist() == [math.floor((companded(x) + 1) / 2 * 255 + 0.5) for x in values]
    decoded = tokenizer.decode(tokens).samples[0, 0].tolist()
    for value, code in zip(decoded, tokens.codes[0][0].tolist(), strict=True):
        assert companded(value) == pytest.approx(code / 255 * 2 - 1, abs=1e-5)


@pytest.mark.parametrize("law", ["mulaw", "alaw"])
def test_companding_keeps_38_decibels(law: str) -> None:
    """Logarithmic companding at 8 bits: some 38 dB whatever the level (Jayant & Noll 1984)."""
    batch = Audio.of([speech()[0] / speech()[0].abs().max()], RATE)
    error = fitted(law).decode(fitted(law).encode(batch)).samples - batch.samples
    assert 10 * math.log10(float(batch.samples.square().sum() / error.square().sum())) > 35


def test_the_lapped_transform_is_the_mdct() -> None:
    """By its other definition, a DCT-IV of the windowed frame folded at its quarters (Princen & Bradley 1986)."""
    hop, frame = 320, torch.randn(640, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    a, b, c, d = (frame.numpy() * np.sin(np.pi / 640 * (np.arange(640) + 0.5))).reshape(4, 160)
    folded = np.concatenate([-c[::-1] - d, a - b[::-1]])
    expected = scipy.fft.dct(folded, type=4, norm="ortho")
    np.testing.assert_allclose(frame.float() @ mdct_basis(hop), expected, atol=1e-4)


def test_the_whole_band_is_perfectly_reconstructed() -> None:
    batch = Audio.of(speech(), RATE)
    tokenizer = MDCT(bandwidth=8000)
    torch.testing.assert_close(tokenizer.decode(tokenizer.encode(batch)).samples, batch.samples, atol=2e-6, rtol=0)


@pytest.mark.parametrize("kbps", [1, 4, 6.5, 14.5])
@pytest.mark.parametrize("family", FAMILIES)
def test_families_spend_equal_bits(family: str, kbps: float) -> None:
    books = MDCT(family, kbps).codebooks
    assert sum(book.bits * (book.rate or 0) for book in books) == 1000 * kbps


@pytest.mark.parametrize("family", FAMILIES)
def test_families_are_understood_and_below_the_ceiling(family: str) -> None:
    score = intelligibility(fitted(f"mdct-{family}"))
    assert 0.65 < score < intelligibility(fitted("mdct-continuous"))


def test_silence_stays_silent() -> None:
    batch = Audio.of([torch.zeros(1, RATE)], RATE)
    for text in ("mulaw", "alaw", "mdct-vq", "mel-griffinlim"):
        assert fitted(text).decode(fitted(text).encode(batch)).samples.abs().max() < 0.01


def test_mel_frames_are_log_magnitudes() -> None:
    """A frame every 12.5 ms, the clip's ends included; ten times the amplitude adds ln 10."""
    clip = speech()[2]
    tokens, louder = (MelGriffinLim().encode(Audio.of([clip * gain], RATE)) for gain in (0.1, 1.0))
    assert tokens.latents is not None and louder.latents is not None
    assert tokens.latents.shape == (1, clip.shape[1] // 200 + 1, 80)
    inside = tokens.latents > math.log(1e-5) + 1e-3
    gain = (louder.latents - tokens.latents)[inside]
    torch.testing.assert_close(gain, torch.full_like(gain, math.log(10)), atol=1e-3, rtol=0)


def test_mel_is_understood() -> None:
    assert intelligibility(fitted("mel-griffinlim")) > 0.9


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("mulaw@0", "rate must be a whole number"),
        ("mulaw@law=x", "law must be mu or a"),
        ("alaw@definition=wavenet", "definition must be g711 or continuous"),
        ("pcm@fast", "rate must be a whole number"),
        ("mdct-vq@4.2", "kbps must be a multiple of 0.5 from 1 to 14.5, not 4.2"),
        ("mdct-vq@16", "kbps must be a multiple of 0.5 from 1 to 14.5"),
        ("mdct-vq@fast", "kbps must be a multiple"),
        ("mdct-vq@bits=0", "bits"),
        ("mdct-rvq@levels=3", "10 bits per token do not divide into 3 equal levels"),
        ("mdct-vq@rate=16001", "does not divide into 50 frames"),
        ("mdct-continuous@500", "bandwidth 500 Hz is too narrow"),
        ("mel-griffinlim@2000", "room for 200"),
        ("mel-griffinlim@hop=0.1", "at most half the window"),
    ],
)
def test_wrong_arguments_are_named(text: str, message: str) -> None:
    with pytest.raises(BenchError, match=message):
        parse(text).build()


def test_too_little_to_fit_on_is_said() -> None:
    with pytest.raises(BenchError, match="frames to fit on, fewer than the 1024 codewords"):
        MDCT("vq").fit(Limited(AsteriskPrompts(), 1), 0)
