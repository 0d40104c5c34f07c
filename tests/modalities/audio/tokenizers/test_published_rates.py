"""Published codecs have the rates that their papers state, by their configurations alone."""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from snac import SNAC
from tiny_audio_models import transformers_model

from bench import registry
from bench.contracts.tokens import Codebook
from bench.lines.checkpoints import entries_of
from bench.modalities.audio.lines import published
from bench.modalities.audio.tokenizers.pretrained import Structure
from bench.modalities.audio.tokenizers.snac_tokens import Snac
from bench.modalities.audio.tokenizers.speechtokenizer_tokens import SpeechTokenizer, speechtokenizer_class
from bench.modalities.audio.tokenizers.transformers_audio import Dac, Encodec, HiggsAudioV2, Mimi, Xcodec
from bench.modalities.audio.tokenizers.xcodec2 import NeuCodec, Xcodec2

LINES = {entry.name: entry for entry in entries_of(published)}

# What the publishers' configurations say, and the kilobits a second that follow.
_DAC = {"downsampling_ratios": [2, 4, 5, 8], "upsampling_ratios": [8, 5, 4, 2], "hop_length": 512}
_SNAC24 = {"sampling_rate": 24000, "encoder_rates": [2, 4, 8, 8], "decoder_rates": [8, 8, 4, 2], "codebook_size": 4096}
_SNAC44 = {"encoder_rates": [2, 3, 8, 8], "decoder_rates": [8, 8, 3, 2], "codebook_size": 4096}
_HIGGS = {"model_type": "dac", "downsampling_ratios": [8, 5, 4, 2, 3], "upsampling_ratios": [8, 5, 4, 2, 3]}
_SPEECH = {
    "n_filters": 64,
    "dimension": 1024,
    "semantic_dimension": 768,
    "strides": [8, 5, 4, 2],
    "lstm_layers": 2,
    "bidirectional": True,
    "dilation_base": 2,
    "residual_kernel_size": 3,
    "n_residual_layers": 1,
    "activation": "ELU",
    "sample_rate": 16000,
    "n_q": 8,
    "codebook_size": 1024,
}


def encodec(kbps: float) -> Structure:
    return Encodec.structure_of(transformers_model("EncodecModel", "EncodecConfig"), kbps)


def dac(rate: int, books: int, **changes: Any) -> Structure:
    config = {**_DAC, "n_codebooks": books, "sampling_rate": rate, **changes}
    return Dac.structure_of(transformers_model("DacModel", "DacConfig", **config), None)


def mimi(books: int | None) -> Structure:
    return Mimi.structure_of(transformers_model("MimiModel", "MimiConfig"), books)


def xcodec(kbps: float) -> Structure:
    return Xcodec.structure_of(transformers_model("XcodecModel", "XcodecConfig"), kbps)


def higgs(kbps: float) -> Structure:
    config = {"acoustic_model_config": _HIGGS, "target_bandwidths": [0.5, 1, 1.5, 2]}
    model = transformers_model("HiggsAudioV2TokenizerModel", "HiggsAudioV2TokenizerConfig", **config)
    return HiggsAudioV2.structure_of(model, kbps)


@pytest.mark.parametrize(
    ("structure", "hertz", "books", "kbps"),
    [
        (lambda: encodec(1.5), 75, 2, 1.5),
        (lambda: encodec(3), 75, 4, 3),
        (lambda: encodec(6), 75, 8, 6),
        (
            lambda: dac(44100, 9, downsampling_ratios=[2, 4, 8, 8], upsampling_ratios=[8, 8, 4, 2]),
            44100 / 512,
            9,
            44100 / 512 * 9 / 100,
        ),
        (lambda: dac(24000, 32), 75, 32, 24),
        (lambda: dac(16000, 12), 50, 12, 6),
        (lambda: mimi(8), 12.5, 8, 1.1),
        (lambda: mimi(None), 12.5, 32, 4.4),
        (lambda: xcodec(4), 50, 8, 4),
        (lambda: xcodec(0.5), 50, 1, 0.5),
        (lambda: higgs(2), 25, 8, 2),
        (lambda: Xcodec2.structure_of(transformers_model("Xcodec2Model", "Xcodec2Config")), 50, 1, 0.8),
        (lambda: NeuCodec.structure_of(transformers_model("NeuCodecModel", "NeuCodecConfig")), 50, 1, 0.8),
        (lambda: Snac.structure_of(SNAC(**_SNAC24, attn_window_size=None, vq_strides=[4, 2, 1])), 46.875, 3, 0.984375),
        (lambda: Snac.structure_of(SNAC(**_SNAC44, sampling_rate=44100)), 44100 / 384, 4, 2.583984375),
        (lambda: SpeechTokenizer.structure_of(speechtokenizer_class()(_SPEECH), None), 50, 8, 4),
        (lambda: SpeechTokenizer.structure_of(speechtokenizer_class()(_SPEECH), 2), 50, 2, 1),
    ],
)
def test_bitrate_of_the_published_architecture(
    structure: Callable[[], Structure], hertz: float, books: int, kbps: float
) -> None:
    importlib.import_module("torchaudio.compliance.kaldi")  # its constants must not be made on the meta device
    with torch.device("meta"):
        codebooks = structure().codebooks
    rates = [book.rate for book in codebooks if book.rate]
    assert len(rates) == books and rates[-1] == hertz
    bits = math.fsum(rate * book.bits for rate, book in zip(rates, codebooks, strict=True))
    assert bits == pytest.approx(kbps * 1000, rel=1e-12)


@pytest.mark.parametrize(
    ("name", "hertz", "books", "kbps"),
    [
        ("bigcodec", 80, 1, 1.04),
        ("wavtokenizer-small-40", 40, 1, 0.48),
        ("wavtokenizer-large-speech-75", 75, 1, 0.9),
        ("dualcodec-12hz", 12.5, 8, 0.175 + 7 * 0.15),
        ("dualcodec-25hz", 25, 12, 0.35 + 11 * 0.25),
        ("hificodec-16k-320d", 50, 4, 2),
        ("hificodec-24k-320d", 75, 4, 3),
        ("hificodec-24k-240d", 100, 4, 4),
        ("sqcodec-0k75bps", 400 / 9, 1, 0.75),
        ("sqcodec-1k5bps", 800 / 9, 1, 1.5),
        ("sqcodec-3kbps", 1600 / 9, 1, 3),
        ("sqcodec-6kbps", 3200 / 9, 1, 6),
        ("sqcodec-12kbps", 2000 / 3, 1, 12),
        ("sqcodec-12kbps-24khz", 2000 / 3, 1, 12),
        ("sqcodec-24kbps-24khz", 4000 / 3, 1, 24),
        ("facodec", 80, 6, 4.8),
    ],
)
def test_bitrate_of_a_registry_line(name: str, hertz: float, books: int, kbps: float) -> None:
    codebooks: tuple[Codebook, ...] = registry.load(LINES[name].target).codebooks_of(LINES[name].args["config"])
    rates = [book.rate for book in codebooks if book.rate]
    assert rates == [pytest.approx(hertz)] * books
    bits = math.fsum(rate * book.bits for rate, book in zip(rates, codebooks, strict=True))
    assert bits == pytest.approx(kbps * 1000, rel=0.005)  # papers state two or three digits


def test_every_line_with_a_configuration_states_its_rate() -> None:
    for name, entry in LINES.items():
        if "config" in entry.args:
            assert registry.load(entry.target).codebooks_of(entry.args["config"]), name


def test_bicodec_has_tokens_of_the_speaker_per_clip() -> None:
    """Wang et al.: 32 global tokens of 4096 entries, and 50 semantic ones per second of 8192."""
    line = LINES["bicodec"]
    speaker, speech = registry.load(line.target).codebooks_of(line.args["config"])
    assert (speaker.size, speaker.per_clip, speaker.rate) == (4096, 32, None)
    assert (speech.size, speech.per_clip, speech.rate) == (8192, None, 50)
