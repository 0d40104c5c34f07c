"""Adapters of transformers' codecs give what the library gives."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from published_codecs import Load, clips, holds_output
from tiny_audio_models import save_audio, tiny_audio_model

from bench.contracts.tokens import TokenError
from bench.errors import BenchError
from bench.modalities.audio.tokenizers.snac_tokens import Snac
from bench.modalities.audio.tokenizers.transformers_audio import Dac, Encodec, Mimi


@torch.no_grad()
@pytest.mark.parametrize("samples", [6400, 7777])
@pytest.mark.parametrize("name", ["EncodecModel", "MimiModel", "DacModel", "XcodecModel", "HiggsAudioV2TokenizerModel"])
def test_equals_transformers(name: str, samples: int, load: Load, folders: dict[str, Path]) -> None:
    tokenizer, model = load(name), getattr(transformers, name).from_pretrained(folders[name]).eval()
    waves = clips(samples, tokenizer.rate)
    hop = tokenizer.structure.hop
    padded = torch.nn.functional.pad(waves.samples, (0, -samples % hop))
    books = len(tokenizer.codebooks)
    match name:
        case "EncodecModel":
            output = model(waves.samples, bandwidth=6.0)
            codes = output.audio_codes[0]
        case "MimiModel":
            output = model(waves.samples, num_quantizers=8)
            codes = output.audio_codes
        case "DacModel":
            output = model(padded, n_quantizers=books)
            codes = output.audio_codes
        case _:
            output = model(padded, bandwidth=tokenizer.bandwidth)  # type: ignore[attr-defined]
            codes = output.audio_codes
    holds_output(tokenizer, waves, list(codes.unbind(1)), output.audio_values.reshape(len(waves.samples), 1, -1))


def test_codes_of_another_shape_are_an_error(folders: dict[str, Path]) -> None:
    tokenizer = Dac(str(folders["DacModel"]), books=2)
    tokenizer.encode(clips(9600, 16000))
    tokenizer.model.train()  # in which DAC ignores the number of codebooks
    with pytest.raises(TokenError, match=r"Dac gave 4 books of codes .* where 2 books of"):
        tokenizer.encode(clips(9600, 16000))


def test_encodec_with_scales_is_refused(tmp_path: Path) -> None:
    save_audio("EncodecModel", tmp_path, audio_channels=2, normalize=True, chunk_length_s=1.0, overlap=0.01)
    with pytest.raises(BenchError, match="float scale for each goes beside its codes"):
        Encodec(str(tmp_path))


def test_overflow_in_float16_is_named(folders: dict[str, Path]) -> None:
    tokenizer = Encodec(str(folders["EncodecModel"]))
    for parameter in tokenizer.model.decoder.parameters():
        parameter *= 1e4
    tokens = tokenizer.encode(clips(2400, 24000))
    with pytest.raises(BenchError, match=r"overflows in float16; use bfloat16"):
        tokenizer.to(torch.device("cpu"), torch.float16).decode(tokens)


@pytest.mark.parametrize(("cls", "other"), [(Dac, "EncodecModel"), (Encodec, "DacModel"), (Snac, "SpeechTokenizer")])
def test_checkpoint_of_another_class(cls: Any, other: str, folders: dict[str, Path]) -> None:
    with pytest.raises(BenchError, match=r"a checkpoint of \w+, not of \w+|does not fit SNAC"):
        cls(str(folders[other]))


def test_weights_saved_in_half_are_computed_with_in_float32(tmp_path: Path) -> None:
    tiny_audio_model("DacModel").to(torch.bfloat16).save_pretrained(tmp_path)
    assert {p.dtype for p in Dac(str(tmp_path)).model.parameters()} == {torch.float32}


def test_mimi_moves_after_use(folders: dict[str, Path]) -> None:
    tokenizer = Mimi(str(folders["MimiModel"]))
    tokenizer.encode(clips(4800, 24000))
    tokenizer.to(torch.device("cpu"), torch.bfloat16)
    tokenizer.decode(tokenizer.encode(clips(4800, 24000)))
