"""Lyra V2 with its published weights: the contract, the models called by hand, and its three rates in their order."""

from __future__ import annotations

import shutil
import time
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from audio_checks import CHECKS, RATE, Check, delay
from real_weights import real_weights

from bench import registry
from bench.contracts.system import parse
from bench.errors import BenchError, Unavailable
from bench.machine.weights import FILES
from bench.modalities.audio.batch import Audio
from bench.modalities.audio.datasets.asterisk_prompts import AsteriskPrompts
from bench.modalities.audio.metrics.pesq import PESQWide
from bench.modalities.audio.metrics.signal_pairs import PackageSettings
from bench.modalities.audio.metrics.stoi import stoi
from bench.modalities.audio.metrics.utterances import words as word_errors
from bench.modalities.audio.metrics.visqol import ViSQOL, ViSQOLSettings
from bench.modalities.audio.normalizers import normaliser
from bench.modalities.audio.recognizers.pocketsphinx import PocketSphinx
from bench.modalities.audio.tokenizers.lyra import FILES as NAMES
from bench.modalities.audio.tokenizers.lyra import KBPS, LyraV2

ENTRY = registry.get("tokenizers", "lyra-v2")


@cache
def built(kbps: float = 6) -> LyraV2:
    return LyraV2(kbps, str(real_weights("lyra-v2")))


@cache
def prompt(index: int) -> torch.Tensor:
    return AsteriskPrompts().load(index).signal


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_contract(check: Check) -> None:
    check(built(), ENTRY)


@pytest.mark.parametrize("kbps", KBPS)
def test_rates_are_the_published_ones(kbps: float) -> None:
    books = built(kbps).codebooks
    assert sum(book.bits * book.rate for book in books) == 1000 * kbps
    tokens = built(kbps).encode(Audio.of([prompt(0)], RATE))
    assert len(tokens.codes) == KBPS[kbps]
    assert tokens.codes[0].shape == (1, -(-prompt(0).shape[1] // 320))
    highest = built(9.2).encode(Audio.of([prompt(0)], RATE))
    assert all(torch.equal(code, whole) for code, whole in zip(tokens.codes, highest.codes, strict=False))


def test_it_equals_the_models_called_by_hand() -> None:
    """A frame at a time through encoder, quantizer and decoder, each call with the quantizer's own 46 indices."""
    from ai_edge_litert.interpreter import Interpreter

    folder = real_weights("lyra-v2")
    encoder, quantizer, decoder = (
        Interpreter(str(folder / f"{name}.tflite")) for name in ("soundstream_encoder", "quantizer", "lyragan")
    )
    encode, decode = encoder.get_signature_runner(), decoder.get_signature_runner()
    quantize, dequantize = (quantizer.get_signature_runner(name) for name in ("encode", "decode"))
    clip = prompt(1)[0, : 50 * 320].numpy()
    codes, pieces = [], []
    for start in range(0, len(clip), 320):
        features = encode(input_audio=clip[None, start : start + 320])["output_0"]
        indices = quantize(input_frames=features, num_quantizers=np.int32(16))["output_0"]
        codes.append(indices[:, 0, 0])
        pieces.append(decode(input_audio=dequantize(encoding_indices=indices)["output_0"])["output_0"][0])
    tokens = built(3.2).encode(Audio.of([torch.from_numpy(clip)[None]], RATE))
    assert np.array_equal(np.stack(codes)[:, :16].T, torch.stack(tokens.codes)[:, 0].numpy())
    assert (np.stack(codes)[:, 16:] == -1).all()
    np.testing.assert_array_equal(built(3.2).decode(tokens).samples[0, 0].numpy(), np.concatenate(pieces))


@pytest.mark.parametrize("kbps", KBPS)
def test_nothing_comes_late(kbps: float) -> None:
    for index in range(3):
        decoded = built(kbps).decode(built(kbps).encode(Audio.of([prompt(index)], RATE))).samples[0, 0]
        assert abs(delay(prompt(index)[0].numpy(), decoded.numpy())) < 0.5


def test_one_core_is_faster_than_real_time() -> None:
    """All threads together take some 5% of the clip's duration."""
    clip, start = Audio.of([prompt(0)], RATE), time.process_time()
    built().decode(built().encode(clip))
    assert time.process_time() - start < 0.5 * prompt(0).shape[1] / RATE


BOUNDS = {
    # mean at 3.2, 6 and 9.2 kbit/s, and how far it may be off on another processor
    "pesq_wb": ((2.41, 2.89, 3.13), 0.05),
    "visqol": ((3.16, 3.60, 3.78), 0.05),
    "stoi": ((0.935, 0.956, 0.964), 0.005),
    "words": ((57, 48, 47), 4),  # errors in 167 words; 41 on the originals
}


@pytest.mark.evidence
def test_quality_and_intelligibility_order_the_rates() -> None:
    """On the 20 prompts of the default suite; opus@6 has 1.97, 1.75, 0.921 and errs on 68% of the words there."""
    by_rate = [measured(kbps) for kbps in KBPS]
    for name, (expected, slack) in BOUNDS.items():
        values = [values[name] for values in by_rate]
        assert values == pytest.approx(expected, abs=slack), name
        if name != "words":
            assert values[0] < values[1] < values[2], name
    errors = [values["words"] for values in by_rate]
    assert errors[0] > errors[1] >= errors[2] - 1  # the last two are one word apart
    heard = [values["words_of_original"] for values in by_rate]
    assert heard[0] > heard[1] > heard[2]


@cache
def recognizer() -> PocketSphinx:
    return PocketSphinx()


@cache
def heard_in_original(index: int) -> str:
    return recognizer().transcribe(prompt(index)[0].numpy(), RATE)


def measured(kbps: float) -> dict[str, float]:
    """Mean scores of a rate, and its word errors: against the transcripts, and against what is heard in originals."""
    settings = (PackageSettings(), ViSQOLSettings())
    words = normaliser("english-v1")
    scores: dict[str, list[float]] = {"pesq_wb": [], "visqol": [], "stoi": [], "words": [], "words_of_original": []}
    for index, sample in enumerate(AsteriskPrompts()):
        decoded = built(kbps).decode(built(kbps).encode(Audio.of([sample.signal], RATE)))
        pair = sample.signal.numpy(), decoded.samples[0].numpy()
        scores["pesq_wb"] += PESQWide.score_clip(settings[0], *pair, RATE).values()
        scores["visqol"] += ViSQOL.score_clip(settings[1], *pair, RATE).values()
        scores["stoi"].append(stoi(pair[0][0], pair[1][0], RATE, extended=False))
        heard = words(recognizer().transcribe(pair[1][0], RATE))
        scores["words"].append(word_errors(words(sample.transcript), heard)[0])
        scores["words_of_original"].append(word_errors(words(heard_in_original(index)), heard)[0])
    return {name: float(np.sum(each) if "words" in name else np.mean(each)) for name, each in scores.items()}


def test_the_files_at_hand_are_the_published_ones() -> None:
    assert built().weights == {FILES[name].published_name: FILES[name].sha256 for name in NAMES}
    assert built().revision == FILES[NAMES[0]].revision != ""


def test_the_registry_line_names_the_files() -> None:
    assert ENTRY.weights == NAMES
    assert {FILES[name].license for name in NAMES} == {ENTRY.license}
    assert all(FILES[name].revision in ENTRY.source for name in NAMES)


def test_wrong_rates_and_missing_files_are_named(cache: Path, tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=r"lyra-v2@4: lyra-v2: kbps must be 3.2, 6, 9.2, not 4"):
        parse("lyra-v2@4").build()
    with pytest.raises(Unavailable, match=r"lyra-v2-encoder are missing .*; run: bench fetch lyra-v2$"):
        parse("lyra-v2@3.2").build()
    with pytest.raises(BenchError, match=r"no soundstream_encoder.tflite, quantizer.tflite, lyragan.tflite in it"):
        parse(f"lyra-v2={tmp_path}").build()


def test_other_models_are_named(tmp_path: Path) -> None:
    for name in ("soundstream_encoder", "quantizer", "lyragan"):
        shutil.copyfile(real_weights("lyra-v2") / "quantizer.tflite", tmp_path / f"{name}.tflite")
    with pytest.raises(BenchError, match=r"soundstream_encoder.tflite: not a model of Lyra V2 \(.*signature"):
        parse(f"lyra-v2@3.2,path={tmp_path}").build()
    (tmp_path / "quantizer.tflite").write_bytes(b"")
    with pytest.raises(BenchError, match=r"quantizer.tflite: not a model of Lyra V2"):
        parse(f"lyra-v2@3.2,path={tmp_path}").build()
